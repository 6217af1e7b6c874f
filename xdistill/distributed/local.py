"""The executor ``local``: worker processes on this machine, which share its cores."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Sequence
from typing import Annotated, ClassVar

from pydantic import Field

from xdistill.errors import WorkerDiedError
from xdistill.interfaces.component import Settings
from xdistill.interfaces.executor import Executor, Job, JobEvent
from xdistill.workers import cores, run_tasks, worker_environment


class LocalExecutor(Executor):
    """Worker processes on this machine.

    A job whose worker was killed is started once more after the others and resumes from its last checkpoint.
    """

    name: ClassVar[str] = "local"

    class Config(Settings):
        """How many workers."""

        jobs: Annotated[int, Field(ge=1)] | None = Field(
            default=None, description="worker processes; null: as many as the cores allow"
        )
        restarts: Annotated[int, Field(ge=0)] = Field(
            default=1, description="how often a job is restarted if its worker was killed"
        )

    config: Config

    def run(self, target: str, jobs: Sequence[Job]) -> Iterator[JobEvent]:
        """Run all jobs; see `Executor.run`."""
        waiting = list(jobs)
        for attempt in range(self.config.restarts + 1):
            dead: dict[str, tuple[str, WorkerDiedError]] = {}
            for event in self._round(target, waiting):
                if event.kind == "died":
                    dead[event.job] = (how_it_ended(event.value), _died(event.job, event.value))
                elif event.kind == "failed" and isinstance(event.value, WorkerDiedError):
                    # one of the processes that trained it together
                    dead[event.job] = (f"says: {str(event.value).partition('. ')[0]}", event.value)
                else:
                    yield event
            waiting = [job for job in waiting if job.name in dead]
            for job in waiting:
                reason, error = dead[job.name]
                if attempt < self.config.restarts:
                    yield JobEvent(job.name, "restarted", reason)
                else:
                    yield JobEvent(job.name, "failed", error)
            if not waiting:
                return

    def workers(self, jobs: Sequence[Job]) -> int:
        """Number of worker processes for these jobs."""
        return max(1, min(self._room(jobs), len(jobs)))

    def _room(self, jobs: Sequence[Job]) -> int:
        """Largest number of worker processes."""
        threads = max((job.cpus for job in jobs), default=1)
        return self.config.jobs or min(cores() // threads, _groups_of_devices(jobs))

    def _round(self, target: str, jobs: Sequence[Job]) -> Iterator[JobEvent]:
        if not jobs:
            return
        workers, threads = self.workers(jobs), jobs[0].cpus
        messages = run_tasks(
            target,
            [job.payload for job in jobs],
            workers=workers,
            environment=[worker_environment(rank, threads) for rank in range(workers)],
        )
        for message in messages:
            yield JobEvent(jobs[message.task].name, message.kind, message.value)


def _groups_of_devices(jobs: Sequence[Job]) -> int:
    """How many jobs with several accelerators fit; jobs with one may share it."""
    devices = max((job.gpus for job in jobs), default=0)
    if devices < 2:  # noqa: PLR2004 - several
        return sys.maxsize
    import torch

    return torch.cuda.device_count() // devices


def how_it_ended(status: int) -> str:
    """An exit status in words."""
    if status >= 0:
        return f"ended with status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    hint = ", as happens when memory runs out" if -status == signal.SIGKILL else ""
    return f"was killed by {name}{hint}"


def _died(job: str, status: int) -> WorkerDiedError:
    return WorkerDiedError(
        f"the worker of {job} {how_it_ended(status)}. Finished folds are kept; rerun the command to resume. If memory "
        f"ran out, lower --jobs or loader.batch_size"
    )
