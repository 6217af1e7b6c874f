"""Files that are whole or not there, on disks that fill up and in folders that cannot be written."""

import errno
import json
import subprocess
import sys

import pytest

from xdistill.errors import RunError
from xdistill.runs.files import (
    explained,
    make_folder,
    move_folder,
    read_json,
    write_json,
    write_text,
    written_whole,
)

# What a process may write ends after so many bytes; the system says so as it does on a full disk.
FULL_DISK = """
import resource, sys
from pathlib import Path
from xdistill.errors import RunError
from xdistill.runs.files import write_text
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_text(Path(sys.argv[1]), "new " * 1000)
except RunError as error:
    print(error)
"""


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_text_takes_the_place_of_an_older_one(tmp_path):
    path = tmp_path / "record.json"
    write_text(path, "old")
    write_text(path, "Grüße")
    assert path.read_text(encoding="utf-8") == "Grüße"
    assert names(tmp_path) == ["record.json"]


@pytest.mark.parametrize("there", [True, False])
def test_a_full_disk_leaves_what_was_there_and_nothing_else(tmp_path, there):
    path = tmp_path / "record.json"
    if there:
        path.write_text("old")
    done = subprocess.run([sys.executable, "-c", FULL_DISK, path], capture_output=True, text=True, check=True)
    assert "the disk is full; free some space, or choose another folder with --runs" in done.stdout
    assert "rerun the command to resume" in done.stdout
    assert str(path) in done.stdout
    assert names(tmp_path) == (["record.json"] if there else [])
    assert not there or path.read_text() == "old"


def test_other_errors_pass_as_they_are(tmp_path):
    with pytest.raises(KeyError), explained(tmp_path):
        raise KeyError("weight")
    with pytest.raises(RunError, match="Too many open files"), explained(tmp_path):
        raise OSError(errno.EMFILE, "Too many open files")


def test_a_result_on_a_full_disk_is_not_told_of_folds(tmp_path):
    path = tmp_path / "out.csv"
    with pytest.raises(RunError) as caught, written_whole(path, option="--to"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert str(caught.value) == (
        f"{path}: the disk is full; free some space, or choose another folder with --to. Then rerun the command"
    )


def test_an_interrupted_write_leaves_no_rest(tmp_path):
    with pytest.raises(UnicodeEncodeError):
        write_text(tmp_path / "record.json", "begins well\ud800")
    assert names(tmp_path) == []


def test_json_is_read_back(tmp_path):
    data = {"name": "Käthe", "values": [1, 0.1, None]}
    write_json(tmp_path / "record.json", data)
    assert read_json(tmp_path / "record.json") == data
    assert "Käthe" in (tmp_path / "record.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("content", [b"", b'{"format":', b"\xff\xfe"])
def test_what_is_no_json_is_refused_by_name(tmp_path, content):
    (tmp_path / "record.json").write_bytes(content)
    with pytest.raises(RunError, match=r"record\.json: cannot be read"):
        read_json(tmp_path / "record.json")


def test_a_file_in_the_way_of_a_folder(tmp_path):
    (tmp_path / "runs").write_text("in the way")
    for folder in (tmp_path / "runs", tmp_path / "runs" / "mvi_hcc"):
        with pytest.raises(RunError, match=r"cannot be written.*choose another with --runs") as caught:
            make_folder(folder)
        assert str(folder) in str(caught.value)


def test_a_folder_is_moved_whole(tmp_path):
    source, target = tmp_path / ".r0-f0.finished", tmp_path / "r0-f0"
    source.mkdir()
    (source / "fold.json").write_text(json.dumps({"fold": 0}))
    move_folder(source, target)
    assert names(tmp_path) == ["r0-f0"]
    assert names(target) == ["fold.json"]


def test_a_folder_is_not_moved_over_another(tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    for folder in (source, target):
        folder.mkdir()
        (folder / folder.name).touch()
    with pytest.raises(RunError, match="target"):
        move_folder(source, target)
    assert names(source) == ["source"]
    assert names(target) == ["target"]
