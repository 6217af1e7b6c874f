"""The driver's side: start tasks, pass on their events, restart those whose worker died."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from xdistill.errors import RunError, WorkerDiedError
from xdistill.interfaces.executor import Job, JobEvent
from xdistill_ray.rooms import has_room, needs
from xdistill_ray.task import driver, environment, make_task

SILENCE = 2.0  # seconds without an event after which nodes are checked
MOST_AT_ONCE = 256  # tasks submitted to Ray at the same time by default, or more on a large cluster


class Streams:
    """Tasks of Ray and their events.

    Ray's own retries are off: a task resumed from a checkpoint yields fewer events than in its first attempt, and Ray
    identifies the events of different attempts by their number.

    Args:
        ray: the module, connected.
        target: ``module:function``.
        restarts: how often a job is restarted after its worker or node died.
        gpu_share: how much of a GPU a job that needs one gets.
        patience: seconds to wait for a node with room, after the last one was lost.
    """

    def __init__(self, ray: Any, target: str, *, restarts: int, gpu_share: float, patience: float) -> None:
        self.ray = ray
        self.target = target
        self.restarts = restarts
        self.gpu_share = gpu_share
        self.patience = patience
        self._task = ray.remote(make_task())
        self._running: dict[Any, Job] = {}
        self._deaths: Counter[str] = Counter()

    def run(self, jobs: Sequence[Job], *, at_once: int | None) -> Iterator[JobEvent]:
        """Run all jobs, at most ``at_once`` at the same time, and yield their events."""
        limit = at_once or max(MOST_AT_ONCE, 2 * int(self.ray.cluster_resources().get("CPU", 0)))
        waiting = deque(jobs)
        roomless_since: float | None = None
        while waiting or self._running:
            while waiting and len(self._running) < limit:
                self._start(waiting.popleft())
            ready, _ = self.ray.wait(list(self._running), num_returns=1, timeout=min(SILENCE, self.patience))
            if ready:
                roomless_since = None
                event = self._next(ready[0])
                if event.kind == "restarted":
                    waiting.extend(job for job in jobs if job.name == event.job)
                yield event
            elif any(has_room(self.ray, job, self.gpu_share) for job in self._running.values()):
                roomless_since = None
            elif roomless_since is None:
                roomless_since = time.monotonic()
            elif time.monotonic() - roomless_since > self.patience:
                yield from self._give_up(waiting)

    def cancel(self) -> None:
        """End all running tasks at once; their checkpoints are on disk."""
        for stream in self._running:
            with suppress(self.ray.exceptions.RayError):
                self.ray.cancel(stream, force=True)
        self._running.clear()

    def _start(self, job: Job) -> None:
        wanted = needs(job, self.gpu_share)
        stream = self._task.options(
            name=job.name,
            num_cpus=wanted["CPU"],
            num_gpus=wanted["GPU"],
            max_retries=0,
            num_returns="streaming",
            runtime_env={"env_vars": environment(job)},
        ).remote(self.target, job.payload, driver())
        self._running[stream] = job

    def _next(self, stream: Any) -> JobEvent:
        """The next event of a task, which may be its last."""
        job = self._running.pop(stream)
        ends = self._ends()
        try:
            kind, value = self.ray.get(next(stream))
        except tuple(ends) as error:
            return self._died(job, next(how for kind, how in ends.items() if isinstance(error, kind)))
        except self.ray.exceptions.RayError as error:
            return JobEvent(job.name, "failed", RunError(f"Ray could not run {job.name}: {_first_line(error)}"))
        if kind == "event":
            self._running[stream] = job  # at the end of the queue, so that all tasks get their turn
        if kind == "unfit":
            return JobEvent(job.name, "failed", RunError(value))
        if kind == "failed" and isinstance(value, WorkerDiedError):  # of a process that the worker had started
            return self._died(job, f"says: {str(value).partition('. ')[0]}")
        return JobEvent(job.name, kind, value)

    def _ends(self) -> dict[type[BaseException], str]:
        """Errors of Ray for a dead worker or node, and how the worker ended."""
        errors = self.ray.exceptions
        return {
            errors.OutOfMemoryError: "was ended by Ray because its node ran out of memory",
            errors.NodeDiedError: "died with its node",
            errors.LocalRayletDiedError: "died with its node",
            errors.WorkerCrashedError: "died",
            errors.ObjectLostError: "died",
            StopIteration: "died",
        }

    def _died(self, job: Job, how: str) -> JobEvent:
        """Restart the job, or fail; ``how`` completes the sentence "its worker ..."."""
        self._deaths[job.name] += 1
        if self._deaths[job.name] <= self.restarts:
            return JobEvent(job.name, "restarted", how)
        return JobEvent(
            job.name,
            "failed",
            WorkerDiedError(
                f"{job.name} failed after {self._deaths[job.name]} starts; at the last one its worker {how}. Finished "
                f"folds are kept; rerun the command to resume. If memory ran out, lower `loader.batch_size` or "
                f"`executor.jobs`"
            ),
        )

    def _give_up(self, waiting: deque[Job]) -> Iterator[JobEvent]:
        jobs = [*self._running.values(), *waiting]
        self.cancel()
        waiting.clear()
        for job in jobs:
            reason = f"no node of the Ray cluster has had room for {job.name} for {self.patience:g} seconds"
            hint = "Finished folds are kept; rerun the command to resume once nodes are back"
            yield JobEvent(job.name, "failed", WorkerDiedError(f"{reason}. {hint}"))


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
