"""What is kept of teachers can be looked at and removed."""

import json
import os

import pytest

from xdistill.distillation.teacher_cache.store import FOLDER


@pytest.fixture
def cache(tmp_path):
    """A cohort file, a trained teacher, two files of outputs, and what a killed writer left."""
    for name, size in (
        ("cohort-0123.h5", 10),
        (f"{FOLDER}/teachers/aa.safetensors", 100_000),
        (f"{FOLDER}/outputs/bb/bbb.h5", 1000),
        (f"{FOLDER}/outputs/cc/ccc.h5", 2000),
        (f"{FOLDER}/outputs/cc/.ddd.h5.4.tmp", 500),
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(size))
    return tmp_path


def test_a_dry_run_says_what_there_is(xdistill, cache):
    result = json.loads(xdistill("data", "clean", "--cache", str(cache), "--dry-run", "--json").out)
    assert result == {
        "path": str(cache / FOLDER),
        "removed": False,
        "teachers": 1,
        "outputs": 2,
        "bytes": 103_500,
    }
    assert len([path for path in cache.rglob("*") if path.is_file()]) == 5


def test_teachers_go_and_cohorts_stay(xdistill, cache):
    done = xdistill("data", "clean", "--cache", str(cache))
    assert "1 trained teachers, 2 files of outputs, 0.1 MB, removed" in done.out
    assert [path.name for path in cache.rglob("*") if path.is_file()] == ["cohort-0123.h5"]
    again = json.loads(xdistill("data", "clean", "--cache", str(cache), "--json").out)
    assert (again["teachers"], again["outputs"], again["bytes"]) == (0, 0, 0)


def test_a_folder_that_is_not_there_holds_nothing(xdistill, tmp_path):
    result = json.loads(xdistill("data", "clean", "--cache", str(tmp_path / "none"), "--json").out)
    assert result["bytes"] == 0
    assert not (tmp_path / "none").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may remove everything")
def test_what_cannot_be_removed_is_told(xdistill, cache):
    (cache / FOLDER / "teachers").chmod(0o500)
    done = xdistill("data", "clean", "--cache", str(cache))
    assert done.code == 2
    assert "cannot be removed" in done.err
