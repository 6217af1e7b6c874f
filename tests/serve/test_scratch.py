"""Folders of requests that a killed server left are removed, and no others."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from xdistill.serving.scratch import PREFIX, folder_prefix, remove_stale_folders

pytestmark = pytest.mark.skipif(os.name != "posix", reason="process ids are looked up as POSIX has it")

KILLED = """
import sys, tempfile, time
from xdistill.serving.scratch import folder_prefix
folder = tempfile.mkdtemp(prefix=folder_prefix(), dir=sys.argv[1])
open(folder + "/0-upload.nii", "w").close()
print(folder, flush=True)
time.sleep(600)
"""


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def left(temporary):
    """A folder of a process that was killed while it had it."""
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(temporary)], stdout=subprocess.PIPE, text=True)
    try:
        folder = Path(process.stdout.readline().strip())
        assert remove_stale_folders() == 0  # it is still running
        assert (folder / "0-upload.nii").is_file()
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    return folder


def test_the_folder_of_a_killed_server_is_removed(left):
    assert remove_stale_folders() == 1
    assert not left.exists()


def test_others_stay(left, temporary):
    namespace, dead = re.fullmatch(rf"{PREFIX}(\d+)-(\d+)-\w+", left.name).groups()
    own = Path(tempfile.mkdtemp(prefix=folder_prefix()))
    (temporary / "kept").mkdir()
    kept = [
        own,
        temporary / f"{PREFIX}{int(namespace) + 1}-{dead}-abcd",  # of another container
        temporary / f"{PREFIX}{namespace}-{dead}",
        temporary / f"another-{namespace}-{dead}-abcd",
    ]
    for folder in kept[1:]:
        folder.mkdir()
    link, file = temporary / f"{PREFIX}{namespace}-{dead}-link", temporary / f"{PREFIX}{namespace}-{dead}-file"
    link.symlink_to(temporary / "kept")
    file.touch()
    assert remove_stale_folders() == 1
    assert all(path.exists() for path in [*kept, link, file, temporary / "kept"])


def test_folders_of_other_users_stay(left, monkeypatch):
    monkeypatch.setattr(os, "getuid", lambda: left.stat().st_uid + 1)
    assert remove_stale_folders() == 0
    assert left.exists()
