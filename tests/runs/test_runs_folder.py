"""Where things are in a run's folder, and who may write there."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from waiting import LONG
from xdistill.errors import BusyRunError, RunError
from xdistill.runs import RunFolder, fold_name

HOLDER = """
import sys, time
from pathlib import Path
from xdistill.runs import RunFolder
with RunFolder(Path(sys.argv[1])).locked():
    print("held", flush=True)
    time.sleep(3600)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that works on the run."""
    process = subprocess.Popen([sys.executable, "-c", HOLDER, tmp_path / "run"], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_second_process_is_refused_while_the_first_works(tmp_path, holder):
    assert holder.poll() is None
    message = "another process is working on this run; wait for it, or stop it first"
    with pytest.raises(BusyRunError, match=message), RunFolder(tmp_path / "run").locked(patience=0.3):
        pass


def test_who_is_at_work_is_seen_without_taking_part(tmp_path, holder):
    run = RunFolder(tmp_path / "run")
    assert run.held("run")
    run.fold("r0-f0").mkdir()
    (run.fold("r0-f0") / "fold.json").touch()
    folds = ("r0-f0", "r0-f1", "r0-f2")
    assert run.at_work(folds) == ("r0-f1", "r0-f2"), "at none yet: what is left"
    with run.locked("r0-f2"):
        assert run.at_work(folds) == ("r0-f2",)
    holder.kill()
    holder.wait()
    assert not run.held("run")
    assert not RunFolder(tmp_path / "none").held("run")


def test_a_killed_process_holds_nothing(tmp_path, holder):
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    with RunFolder(tmp_path / "run").locked(patience=0.0):
        pass


def test_a_second_process_waits_for_a_first_that_is_about_to_end(tmp_path, holder):
    """Workers of a killed driver take a moment to end."""
    killer = subprocess.Popen(["sh", "-c", f"sleep 0.5; kill -9 {holder.pid}"])
    with RunFolder(tmp_path / "run").locked(patience=LONG):
        assert holder.wait(LONG) == -signal.SIGKILL
    killer.wait()


def test_folds_have_locks_of_their_own(tmp_path):
    run = RunFolder(tmp_path / "run")
    with run.locked(), run.locked("r0-f0"), run.locked("r0-f1"):
        pass
    with run.locked():
        pass


def test_a_lock_in_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "runs").touch()
    with pytest.raises(RunError, match="choose another with --runs"), RunFolder(tmp_path / "runs" / "run").locked():
        pass


def test_a_fold_is_finished_once_its_last_file_is_there(tmp_path):
    run = RunFolder(tmp_path)
    assert fold_name(1, 3) == "r1-f3"
    run.partial("r1-f3").mkdir(parents=True)
    assert not run.finished("r1-f3")
    run.fold("r1-f3").mkdir()
    assert not run.finished("r1-f3")
    (run.fold("r1-f3") / "fold.json").write_text("{}")
    assert run.finished("r1-f3")


def test_a_fold_that_another_machine_finished_turns_up(tmp_path):
    run = RunFolder(tmp_path)
    (run.fold("r0-f0")).mkdir(parents=True)
    late = threading.Timer(0.3, (run.fold("r0-f0") / "fold.json").touch)
    late.start()
    run.await_finished("r0-f0")
    assert run.finished("r0-f0")
    with pytest.raises(RunError, match=r"finished the fold r0-f1, but .* does not exist here: .* share with --runs"):
        run.await_finished("r0-f1", patience=0.3)
