"""What came out of the searches: chosen settings, how good they looked, and what all searches agree on."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xdistill.errors import UserError
from xdistill.tuning.search.space import Space, in_order, is_active, values_of
from xdistill.tuning.storage.trials import FAILED, best_of, trials_by_state

if TYPE_CHECKING:
    from optuna import Study as OptunaStudy
    from optuna.trial import FrozenTrial


@dataclass(frozen=True)
class Winner:
    """The best trial of a search.

    Attributes:
        search: its name.
        number: of the trial.
        params: proposed settings, as Optuna keeps them.
        values: the same, as the recipe gets them.
        score: mean over the inner folds.
        states: how many trials are complete, pruned and failed.
    """

    search: str
    number: int
    params: Mapping[str, Any]
    values: Mapping[str, Any]
    score: float
    states: Mapping[str, int]


def counted_trials(study: OptunaStudy, trials: int) -> tuple[FrozenTrial, ...]:
    """The first so many trials that count; a study may hold more, of a longer search."""
    return trials_by_state(study).counted[:trials]


def winner_of(search: str, study: OptunaStudy, space: Space, trials: int, *, maximise: bool) -> Winner:
    """The best of the first so many trials of a search.

    Raises:
        UserError: when no trial came to an end.
    """
    counted = counted_trials(study, trials)
    best = best_of(counted, maximise=maximise)
    if best is None or best.value is None:
        reasons = Counter(str(trial.user_attrs[FAILED]) for trial in counted if FAILED in trial.user_attrs)
        why = f"; most often: {reasons.most_common(1)[0][0]}" if reasons else ""
        raise UserError(
            f"none of the {len(counted)} trials of {search} finished{why}. Narrow the space to settings that can "
            f"be trained with"
        )
    return Winner(
        search=search,
        number=best.number,
        params=dict(best.params),
        values=values_of(best.params, space),
        score=best.value,
        states=state_counts(counted),
    )


def state_of(trial: FrozenTrial) -> str:
    """``complete``, ``pruned`` or ``failed``."""
    return "failed" if FAILED in trial.user_attrs else trial.state.name.lower()


def state_counts(trials: Sequence[FrozenTrial]) -> dict[str, int]:
    """How many trials are complete, pruned and failed."""
    counts = Counter(state_of(trial) for trial in trials)
    return {state: counts[state] for state in ("complete", "pruned", "failed")}


def agreed(winners: Sequence[Winner], space: Space) -> dict[str, Any]:
    """One setting out of those that the searches chose, as Optuna keeps them.

    Of choices the most frequent one (of equally frequent ones that of the earliest search), of numbers the lower
    median: always a value that some search chose. A field that depends on a choice is taken from the searches that made
    this choice. The combination itself may never have been tried.
    """
    params: dict[str, Any] = {}
    for name in in_order(space):
        chosen = [winner.params[name] for winner in winners if name in winner.params]
        if not chosen or not is_active(space[name], params, space):
            continue
        params[name] = _most_frequent(chosen) if space[name].choices is not None else statistics.median_low(chosen)
    return params


def optimism(inner: Sequence[float], outer: Sequence[float], *, maximise: bool) -> float:
    """How much better the best trials looked than their settings are: mean inner best minus mean outer score.

    Positive is optimistic, for metrics of which lower is better too.
    """
    difference = statistics.fmean(inner) - statistics.fmean(outer)
    return difference if maximise else -difference


def _most_frequent(values: Sequence[Any]) -> Any:
    keys = [(type(value).__name__, value) for value in values]
    return Counter(keys).most_common(1)[0][0][1]
