"""The local executor's arithmetic of cores."""

import pytest

from xdistill.distributed.local import LocalExecutor
from xdistill.interfaces.executor import Job


def lent(monkeypatch, *, cores, jobs, wanted, threads=1):
    """How many cores the only job is lent, given how many the machine has."""
    monkeypatch.setattr("xdistill.distributed.local.cores", lambda: cores)
    executor = LocalExecutor(LocalExecutor.Config(jobs=jobs))
    events = list(executor.run("workers.toy_tasks:wait_for_cores", [Job("only", wanted, cpus=threads)]))
    return events[0].value


@pytest.mark.usefixtures("fresh_workers")
@pytest.mark.parametrize(
    ("cores", "jobs", "threads", "expected"),
    [
        (2, None, 1, 1),
        (2, 2, 1, 1),
        (2, 8, 1, 1),  # no more than the machine has
        (4, 1, 1, 0),  # one worker is what was asked for
        (4, None, 2, 2),
        (1, None, 2, 0),
    ],
)
def test_what_the_only_job_is_lent(monkeypatch, cores, jobs, threads, expected):
    assert lent(monkeypatch, cores=cores, jobs=jobs, wanted=expected, threads=threads) == expected
