"""Events that a run reports while it is in progress. The command line prints them; nothing below it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Event:
    """Base of all events."""


@dataclass(frozen=True)
class CohortProgress(Event):
    """The cohort file is being built.

    Attributes:
        done: subjects written.
        total: subjects in all.
    """

    done: int
    total: int


@dataclass(frozen=True)
class CohortReady(Event):
    """The cohort file is complete.

    Attributes:
        path: of the file.
        subjects: number of subjects.
    """

    path: str
    subjects: int


@dataclass(frozen=True)
class CohortRemark(Event):
    """What was noticed while the files of the cohort were read.

    Attributes:
        text: one sentence.
    """

    text: str


@dataclass(frozen=True)
class RunAwaited(Event):
    """Another process works on this run; this one waits until it ends.

    Attributes:
        path: of the run folder.
        folds: that the other process works on; if there are none yet, those that are not finished.
    """

    path: str
    folds: tuple[str, ...]


@dataclass(frozen=True)
class RunStarted(Event):
    """The run folder exists and the folds begin.

    Attributes:
        path: of the run folder.
        folds: names of all folds.
        finished: names of those that were finished before.
        epochs: epochs of one fold over all stages.
        jobs: worker processes.
        threads: CPU threads per job.
    """

    path: str
    folds: tuple[str, ...]
    finished: tuple[str, ...]
    epochs: int
    jobs: int
    threads: int


@dataclass(frozen=True)
class FoldDamaged(Event):
    """A file of a finished fold was changed or lost; the fold is trained again.

    Attributes:
        fold: such as ``r0-f3``.
        reason: which file, and what is wrong with it.
    """

    fold: str
    reason: str


@dataclass(frozen=True)
class ResultsDamaged(Event):
    """The record or the predictions of a finished run were changed or lost; they are written again from the folds.

    Attributes:
        path: of the run folder.
        reason: which file, and what is wrong with it.
    """

    path: str
    reason: str


@dataclass(frozen=True)
class FoldStarted(Event):
    """A fold begins, or resumes from its last checkpoint.

    Attributes:
        fold: such as ``r0-f3``.
        done: epochs that were finished before.
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
    """The worker of a fold died, and another one resumes the fold.

    Attributes:
        fold: such as ``r0-f3``.
        reason: how the worker ended; continues the words "its worker".
    """

    fold: str
    reason: str


@dataclass(frozen=True)
class TeacherCacheFailed(Event):
    """A cached teacher is damaged, or the cache cannot be written; the fold trains the teacher instead.

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
    """A tracker raised an error; the run continues without it.

    Attributes:
        name: of the tracker.
        reason: what it raised.
    """

    name: str
    reason: str
