"""What the engine tells whoever listens. It never prints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Event:
    """Base of all events."""


@dataclass(frozen=True)
class CohortProgress(Event):
    """The cohort cache is being built.

    Attributes:
        done: subjects written.
        total: subjects in all.
    """

    done: int
    total: int


@dataclass(frozen=True)
class CohortReady(Event):
    """The cohort cache stands.

    Attributes:
        path: of the file.
        subjects: number of subjects.
    """

    path: str
    subjects: int


@dataclass(frozen=True)
class RunAwaited(Event):
    """Another process works at this run, and nothing is done here until it ends.

    Attributes:
        path: of the run folder.
        folds: that it is at; where it is at none yet, those that are not finished.
    """

    path: str
    folds: tuple[str, ...]


@dataclass(frozen=True)
class RunStarted(Event):
    """The run folder stands and the folds begin.

    Attributes:
        path: of the run folder.
        folds: names of all folds.
        finished: names of those that an earlier start finished.
        epochs: epochs of one fold over all stages.
        jobs: worker processes.
        threads: CPU threads a job.
    """

    path: str
    folds: tuple[str, ...]
    finished: tuple[str, ...]
    epochs: int
    jobs: int
    threads: int


@dataclass(frozen=True)
class FoldStarted(Event):
    """A fold begins, or goes on after its last checkpoint.

    Attributes:
        fold: such as ``r0-f3``.
        done: epochs that an earlier start finished.
    """

    fold: str
    done: int = 0


@dataclass(frozen=True)
class EpochEnded(Event):
    """An epoch of one fold is over.

    Attributes:
        fold: such as ``r0-f3``.
        stage: the stage's name.
        epoch: counted from 1 within the stage.
        done: epochs of this fold that are over, in all stages.
        losses: mean over the training subjects by term; ``total`` is the weighted sum.
        lr: learning rate at the end of the epoch.
        seconds: the epoch took.
    """

    fold: str
    stage: str
    epoch: int
    done: int
    losses: Mapping[str, float] = field(default_factory=dict)
    lr: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True)
class FoldFinished(Event):
    """A fold is finished and its folder is in place."""

    fold: str
    seconds: float


@dataclass(frozen=True)
class FoldRestarted(Event):
    """The worker of a fold died and the fold goes on in another.

    Attributes:
        fold: such as ``r0-f3``.
        reason: how the worker ended, in words that go on from "its worker".
    """

    fold: str
    reason: str


@dataclass(frozen=True)
class TeacherCacheFailed(Event):
    """Something kept of a teacher could not be used, or nothing can be kept; the fold computes it instead.

    Attributes:
        fold: such as ``r0-f3``.
        reason: what and where.
    """

    fold: str
    reason: str


@dataclass(frozen=True)
class RunFinished(Event):
    """All folds are finished and the record is written."""

    path: str


@dataclass(frozen=True)
class TrackerFailed(Event):
    """A tracker raised something; the run goes on without it.

    Attributes:
        name: of the tracker.
        reason: what it raised.
    """

    name: str
    reason: str
