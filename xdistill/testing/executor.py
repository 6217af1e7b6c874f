"""The suite of executors; some of its checks start processes and take a moment."""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from typing import Any

import psutil

from xdistill.interfaces.executor import Executor, Job, JobEvent
from xdistill.testing.suite import Conformance, require

_JOBS = "xdistill.testing.helpers.jobs"
_PATIENCE = 60.0  # seconds within which a worker has to be gone
_ENDS = {"done", "failed"}


class ExecutorConformance(Conformance):
    """What an executor has to do."""

    kind = "executor"

    def events(self, function: str, payloads: Sequence[Mapping[str, Any]], *, cpus: int = 1) -> list[JobEvent]:
        """Everything that jobs named ``job-0`` and so on say, one per payload."""
        jobs = [Job(f"job-{place}", dict(payload), cpus=cpus) for place, payload in enumerate(payloads)]
        return list(self._run(function, jobs))

    def test_every_job_ends_once(self) -> None:
        """Each job says everything in its order, with its own payload, and ends with one `done`."""
        events = self.events("count", [{"numbers": size, "mark": f"mark-{size}"} for size in (3, 0, 2, 1)])
        for place, size in enumerate((3, 0, 2, 1)):
            mine = [event for event in events if event.job == f"job-{place}"]
            reported = [event.value for event in mine if event.kind == "event"]
            require(
                reported == [(f"mark-{size}", number) for number in range(size)], f"job-{place} reported {reported}"
            )
            ends = [event.kind for event in mine if event.kind in _ENDS]
            require(ends == ["done"], f"job-{place} ended with {ends}, not with one done")
            require(mine[-1].kind == "done", f"job-{place} reported an event after it was done")

    def test_no_jobs(self) -> None:
        """Nothing to do is done at once."""
        events = self.events("count", [])
        require(not events, f"events without a job: {events}")

    def test_a_job_that_fails(self) -> None:
        """Its error arrives as it was raised, and the other jobs are not harmed."""
        events = self.events("fail", [{"fails": False}, {"fails": True}, {"fails": False}])
        ends = {event.job: event for event in events if event.kind in _ENDS}
        require(set(ends) == {"job-0", "job-1", "job-2"}, f"only {sorted(ends)} ended")
        error = ends["job-1"].value
        require(ends["job-1"].kind == "failed", "the job that raised an error is not failed")
        same = isinstance(error, ValueError) and "upside down" in str(error)
        require(same, f"a ValueError arrived as {error!r}")
        require(ends["job-0"].kind == ends["job-2"].kind == "done", "a job other than the failed one did not finish")

    def test_a_worker_that_is_killed(self) -> None:
        """Its job fails in the end, or is started again; the other jobs are not harmed, and nothing hangs."""
        driver = os.getpid()
        events = self.events("die", [{"dies": dies, "driver": driver} for dies in (False, True, False)])
        ends = {event.job: event for event in events if event.kind in _ENDS}
        require(set(ends) == {"job-0", "job-1", "job-2"}, f"only {sorted(ends)} ended")
        require(ends["job-0"].kind == ends["job-2"].kind == "done", "a job other than the killed one did not finish")
        died = ends["job-1"]
        require(died.kind == "failed", "a job that is killed at every start is not failed")
        own = isinstance(died.value, RuntimeError) and "driver's own process" in str(died.value)
        require(not own, "jobs run in the driver's own process, so that a job's death would end the run")
        require(isinstance(died.value, Exception), f"the end of a killed job is {died.value!r}, not an error")

    def test_closing_ends_the_workers(self) -> None:
        """When the driver stops listening, as after Ctrl-C, no worker is left behind."""
        worker = 0
        with closing(self._run("process", [Job("job-0", {"seconds": 600})])) as events:
            for event in events:
                worker = event.value
                break
        require(worker != os.getpid(), "jobs run in the driver's own process")
        require(_gone(worker), "a worker is still there after the iterator was closed")

    def test_threads_are_those_of_the_job(self) -> None:
        """A job computes with as many threads as it asks for: their number decides the last bits."""
        (reported,) = [event.value for event in self.events("threads", [{}], cpus=1) if event.kind == "event"]
        require(reported == "1", f"a job of one thread finds OMP_NUM_THREADS={reported!r}")

    def _run(self, function: str, jobs: Sequence[Job]) -> Generator[JobEvent, None, None]:
        executor: Executor = self.choice().build()
        yield from executor.run(f"{_JOBS}:{function}", jobs)


def _gone(process: int) -> bool:
    """Whether a process ends soon."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        overdue = time.monotonic() > deadline  # asked before it is looked once more: this process may have been slow
        try:
            if psutil.Process(process).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        if overdue:
            return False
        time.sleep(0.02)
