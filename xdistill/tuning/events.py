"""The events of a search, besides those of the run."""

from __future__ import annotations

from dataclasses import dataclass

from xdistill.crossval.events import Event


@dataclass(frozen=True)
class SearchStarted(Event):
    """The searches start or are resumed.

    Attributes:
        path: of the folder of the study.
        storage: where the trials are kept, without a password.
        searches: by name, trials that an earlier start finished.
        trials: that each search makes.
        folds: inner folds of a trial.
        workers: at each search.
        flat: whether it is one search on all data, whose best score is optimistic.
    """

    path: str
    storage: str
    searches: dict[str, int]
    trials: int
    folds: int
    workers: int
    flat: bool


@dataclass(frozen=True)
class TrialStarted(Event):
    """Training with proposed settings begins.

    Attributes:
        search: its name, such as ``r0-f3``.
        number: of the trial within it.
    """

    search: str
    number: int


@dataclass(frozen=True)
class TrialFoldFinished(Event):
    """An inner fold of a trial is scored.

    Attributes:
        search: its name.
        number: of the trial.
        done: inner folds that are scored.
        folds: of the trial.
    """

    search: str
    number: int
    done: int
    folds: int


@dataclass(frozen=True)
class TrialFinished(Event):
    """A trial is over.

    Attributes:
        search: its name.
        number: of the trial.
        state: ``complete``, ``pruned`` or ``failed``.
        value: mean over the inner folds; None unless it is complete.
        best: of the search so far; None while no trial is complete.
        done: trials of the search that count.
        reason: why it failed; empty otherwise.
    """

    search: str
    number: int
    state: str
    value: float | None
    best: float | None
    done: int
    reason: str = ""


@dataclass(frozen=True)
class SearchFinished(Event):
    """A search has all its trials."""

    search: str
    best: float


@dataclass(frozen=True)
class StudyFinished(Event):
    """Everything is written.

    Attributes:
        path: of the folder of the study, with its report and the tuned recipe.
        run: folder of the tuned run; empty for a flat search.
    """

    path: str
    run: str = ""
