"""The journal: its lock dies with its holder, and half a line at its end is cut off."""

import fcntl
import os
import signal
import subprocess
import sys

import pytest

from xdistill.tuning.search.sampling import quiet
from xdistill.tuning.storage.journal import FileLock
from xdistill.tuning.storage.open import open_storage, open_study


def test_half_a_line_of_a_writer_that_died_is_cut_off(tmp_path):
    path = tmp_path / "study.journal"
    with quiet():
        study = open_study(open_storage(str(path)), "s", {"identity": "1", "recipe": "r"}, maximise=True)
        study.tell(study.ask(), 0.5)
        whole = path.read_bytes()
        path.write_bytes(whole + b'{"op_code": 4, "wor')
        study = open_study(open_storage(str(path)), "s", {"identity": "1", "recipe": "r"}, maximise=True)
        study.tell(study.ask(), 0.7)
        assert path.read_bytes().startswith(whole + b"{")
        again = open_study(open_storage(str(path)), "s", {"identity": "1", "recipe": "r"}, maximise=True)
    assert [trial.value for trial in again.get_trials()] == [0.5, 0.7]


HOLD = """
import sys, time
from pathlib import Path
from xdistill.tuning.storage.journal import FileLock
FileLock(Path(sys.argv[1])).acquire()
print("held", flush=True)
time.sleep(3600)
"""


def test_a_killed_holder_leaves_no_lock(tmp_path):
    path = tmp_path / "study.journal"
    path.write_text("", encoding="utf-8")
    holder = subprocess.Popen([sys.executable, "-c", HOLD, path], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    assert not free(tmp_path)
    os.kill(holder.pid, signal.SIGKILL)
    holder.communicate()
    assert free(tmp_path), "nobody waits for a time to pass"
    lock = FileLock(path)
    assert lock.acquire()
    lock.release()


def free(folder):
    """Whether the lock in a folder can be had at once."""
    (path,) = folder.glob(".*.lock")
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


@pytest.mark.parametrize("size", [0, 1, 65536, 70000])
def test_a_journal_of_whole_lines_stays_as_it_is(tmp_path, size):
    path = tmp_path / "study.journal"
    path.write_bytes(b"x" * size + b"\n" if size else b"")
    lock = FileLock(path)
    lock.acquire()
    lock.release()
    assert path.stat().st_size == (size + 1 if size else 0)
