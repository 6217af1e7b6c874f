"""Starting, watching and ending the processes that compute a fold together."""

import os

import pytest

from xdistill.distributed import launch
from xdistill.distributed.launch import run_distributed
from xdistill.distributed.local import LocalExecutor
from xdistill.errors import DataError, WorkerDiedError
from xdistill.interfaces.executor import Job

IN_TWO_PROCESSES = "distributed.toy_ranks:in_two_processes"
PAYLOAD = {"recipe": {"compute": {"devices": 2, "threads": 3}}, "repeat": 0, "fold": 1}


@pytest.fixture
def together(monkeypatch):
    """Runs a function of `toy_ranks` in two processes; ends them afterwards."""
    monkeypatch.setattr(launch, "_teams", {})

    def run(function, **more):
        return run_distributed(PAYLOAD | more, f"distributed.toy_ranks:{function}")

    yield run
    for team in launch._teams.values():
        team.close()


def test_all_know_their_place_and_stay_for_the_next_fold(together):
    first, second = sorted(together("together")), sorted(together("together"))
    assert [(rank, local, threads) for rank, _, local, threads in first] == [(0, "0", "3"), (1, "1", "3")]
    assert first == second
    assert os.getpid() not in {process for _, process, _, _ in first}


def test_the_executor_starts_a_fold_again_whose_process_was_killed(tmp_path):
    once = Job("once", PAYLOAD | {"function": "second_is_killed_once", "mark": str(tmp_path / "killed")})
    always = Job("always", PAYLOAD | {"function": "second_is_killed"})
    executor = LocalExecutor(LocalExecutor.Config(jobs=1))
    events = [event for event in executor.run(IN_TWO_PROCESSES, [once, always]) if event.kind != "event"]
    assert [event.kind for event in events if event.job == "once"] == ["restarted", "done"]
    restarted, failed = (event for event in events if event.job == "always")
    assert (restarted.kind, failed.kind) == ("restarted", "failed")
    assert restarted.value.startswith("says: process 2 of 2 of r0-f1 was killed by SIGKILL")
    assert isinstance(failed.value, WorkerDiedError)


def test_whoever_listens_no_more_ends_them(together):
    said = together("second_is_killed")
    next(said)
    said.close()
    assert not any(team.fit for team in launch._teams.values())


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        ("second_is_killed", WorkerDiedError, "process 2 of 2 of r0-f1 was killed by SIGKILL, as happens when memory"),
        ("second_refuses", DataError, "subject s7 is upside down"),
        ("first_loses_the_second", WorkerDiedError, "process 2 of 2 of r0-f1 ended with status 7"),
        ("nobody_answers", WorkerDiedError, r"the 2 processes of r0-f1 lost their connection \(.* Timed out waiting"),
        ("first_fails", RuntimeError, "a fault of ours"),
    ],
)
def test_one_that_fails_ends_all_with_its_own_message(together, function, error, message):
    with pytest.raises(error, match=message):  # at once: those who wait do so for longer than this test may take
        list(together(function))
    assert not any(team.fit for team in launch._teams.values())
