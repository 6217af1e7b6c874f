"""The trials of a study as its page needs them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xdistill.tuning.outcome import counted_trials, state_of
from xdistill.tuning.search.space import Space

if TYPE_CHECKING:
    from optuna import Study as OptunaStudy

FEWEST = 5  # complete trials from which importances are computed


@dataclass(frozen=True)
class TrialRow:
    """One trial.

    Attributes:
        place: counted from 1 among the trials of its search that count.
        state: ``complete``, ``pruned`` or ``failed``.
        value: mean over the inner folds; None unless it is complete.
        params: by field, as Optuna keeps them.
    """

    place: int
    state: str
    value: float | None
    params: Mapping[str, Any]


@dataclass(frozen=True)
class SearchRows:
    """The trials of one search, and what mattered in it.

    Attributes:
        name: of the search.
        trials: in the order in which they began.
        importances: by field, shares of one; empty with too few trials.
    """

    name: str
    trials: tuple[TrialRow, ...]
    importances: Mapping[str, float]

    @property
    def complete(self) -> tuple[TrialRow, ...]:
        """The trials with a value."""
        return tuple(trial for trial in self.trials if trial.value is not None)


def search_rows(name: str, study: OptunaStudy, space: Space, trials: int) -> SearchRows:
    """Read a search from its storage."""
    counted = counted_trials(study, trials)
    rows = tuple(
        TrialRow(
            place=place,
            state=state_of(trial),
            value=trial.value if state_of(trial) == "complete" else None,
            params=dict(trial.params),
        )
        for place, trial in enumerate(counted, start=1)
    )
    complete = sum(row.value is not None for row in rows)
    enough = complete >= FEWEST and len(space) > 1
    return SearchRows(name, rows, _importances(study) if enough else {})


def best_so_far(values: Sequence[float], *, maximise: bool) -> list[float]:
    """The best value up to each place.

    >>> best_so_far([1.0, 3.0, 2.0], maximise=True), best_so_far([2.0, 3.0, 1.0], maximise=False)
    ([1.0, 3.0, 3.0], [2.0, 2.0, 1.0])
    """
    best: list[float] = []
    for value in values:
        better = max if maximise else min
        best.append(better(best[-1], value) if best else value)
    return best


def mean_importances(searches: Sequence[SearchRows]) -> dict[str, tuple[float, ...]]:
    """By field the importances in each search that has them, fields that matter most first."""
    known = [search.importances for search in searches if search.importances]
    names = dict.fromkeys(name for importances in known for name in importances)
    values = {name: tuple(importances.get(name, 0.0) for importances in known) for name in names}
    return dict(sorted(values.items(), key=lambda item: -sum(item[1])))


def _importances(study: OptunaStudy) -> dict[str, float]:
    """PED-ANOVA (Watanabe et al. 2023): how much a field decides whether a trial is among the best tenth."""
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

    return dict(get_param_importances(study, evaluator=PedAnovaImportanceEvaluator()))
