"""Temporary files of processes that have ended are removed, those of living ones never."""

import os
import subprocess
import sys

import pytest

from xdistill.runs.files import write_text
from xdistill.runs.temporary import OLD, put_back, sweep, sweep_run, temporary_path


@pytest.fixture(scope="module")
def ended():
    """The id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def of(path, process):
    """The temporary path of another process for a path."""
    return path.with_name(temporary_path(path).name.replace(f"-{os.getpid()}.", f"-{process}."))


def test_what_dead_writers_left_is_removed_and_what_living_ones_write_is_kept(tmp_path, ended):
    mine, living = temporary_path(tmp_path / "record.json"), of(tmp_path / "record.json", os.getppid())
    dead, folder = of(tmp_path / "record.json", ended), of(tmp_path / "kd", ended).with_suffix(".new")
    for path in (mine, living, dead):
        path.write_text("half")
    folder.mkdir()
    (folder / "file").write_text("half")
    (tmp_path / "record.json").write_text("whole")
    (tmp_path / ".run.lock").write_text("")
    assert sweep(tmp_path, name="predictions.csv") == 0
    assert sweep(tmp_path) == 2
    assert {path.name for path in tmp_path.iterdir()} == {"record.json", ".run.lock", mine.name, living.name}


@pytest.mark.parametrize("name", [".record.json.0badcafe-{}.tmp", ".checkpoint.pt.{}.tmp"])
def test_files_of_other_machines_and_of_earlier_versions_are_kept_for_a_day(tmp_path, ended, name):
    path = tmp_path / name.format(ended)
    path.write_text("half")
    assert sweep(tmp_path) == 0
    os.utime(path, (path.stat().st_mtime - OLD - 1,) * 2)
    assert sweep(tmp_path) == 1


def test_folds_of_a_run_are_swept_too(tmp_path, ended):
    partial = tmp_path / "folds" / ".r0-f0.partial"
    partial.mkdir(parents=True)
    for folder in (tmp_path, tmp_path / "folds", partial):
        of(folder / "checkpoint.pt", ended).write_text("half")
    assert sweep_run(tmp_path) == 3
    assert sweep_run(tmp_path / "nothing") == 0


def test_a_folder_that_was_being_replaced_is_put_back_or_removed(tmp_path, ended):
    model, old = tmp_path / "model", of(tmp_path / "model", ended).with_suffix(".old")
    old.mkdir()
    (old / "config.json").write_text("{}")
    assert sweep(tmp_path) == 0
    put_back(model)
    assert (model / "config.json").is_file()
    old.mkdir()
    put_back(model)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_file_is_written_under_a_name_that_says_by_whom(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr("pathlib.Path.write_text", lambda path, *_, **__: seen.append(path.name) or path.touch())
    write_text(tmp_path / "a.json", "{}")
    assert seen == [temporary_path(tmp_path / "a.json").name]
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
