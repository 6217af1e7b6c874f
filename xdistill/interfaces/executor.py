"""Executors: where jobs run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from xdistill.interfaces.component import Component, Settings


@dataclass(frozen=True)
class Job:
    """One piece of work, such as one fold.

    Attributes:
        name: unique among the jobs, such as ``r0-f3``.
        payload: JSON-ready; the job's function is called with it in the worker.
        cpus: threads that it computes with, in all its processes.
        gpus: accelerators that it needs.
    """

    name: str
    payload: dict[str, Any]
    cpus: int = 1
    gpus: int = 0


@dataclass(frozen=True)
class JobEvent:
    """An event of a job, or how it ended.

    Attributes:
        job: the job's name.
        kind: ``event`` (``value`` is what the job yielded), ``restarted`` (``value`` continues the words "its worker"),
            ``done``, or ``failed`` (``value`` is the error).
        value: see kind.
    """

    job: str
    kind: str
    value: Any = None


class Executor(Component, ABC):
    """Runs jobs and passes on their events.

    ``target`` is an importable generator function ``(payload) -> Iterator[event]``; events can be pickled. A job that
    ends with a `WorkerDiedError` lost a process that it had started; an executor that restarts jobs of dead workers
    should restart it, too.

    Attributes:
        elsewhere: whether jobs may run on other machines; then the devices of this one are not checked.
    """

    elsewhere: ClassVar[bool] = False

    def __init__(self, config: Settings) -> None:
        self.config = config

    def check(self) -> None:
        """Check that jobs can run; called before anything is built. Optional.

        Raises:
            UserError: saying what to do.
        """

    def workers(self, jobs: Sequence[Job]) -> int:
        """How many of these jobs run at the same time, as far as is known; for progress messages."""
        return len(jobs)

    @abstractmethod
    def run(self, target: str, jobs: Sequence[Job]) -> Iterator[JobEvent]:
        """Run all jobs; every job ends with one ``done`` or ``failed``. Closing the iterator ends the workers.

        Args:
            target: ``package.module:function``.
            jobs: what to run, in the order they should start.
        """
