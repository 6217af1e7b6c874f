"""Explanations of a study's scores: what they mean and what they do not."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from xdistill.runs import Run
from xdistill.tuning.search.score import outer_interval

if TYPE_CHECKING:
    from xdistill.stats import Interval
    from xdistill.tuning.outcome import Winner
    from xdistill.tuning.study import Study

WIDTH = 100
OPTIMISTIC = (
    "Optimistic: one flat search on all subjects. The best trial's score is the best of many on the same subjects, and "
    "so overestimates the score on new subjects."
)
AGREED = (
    "Each setting is the most frequent choice, or the lower median, of what the searches of the outer splits chose; "
    "the combination itself may never have been tried. The nested score is that of the whole procedure, the search "
    "included; a score of this recipe on the same cohort would be optimistic, since every subject influenced its "
    "settings."
)


def figure(value: float) -> str:
    """A score with four decimals, as all metrics are fractions."""
    return f"{value:.4f}"


def with_interval(value: float, interval: Interval | None) -> str:
    """A score with its interval where there is one."""
    if interval is None:
        return figure(value)
    return f"{figure(value)} ({100 * interval.level:.0f} % interval {figure(interval.low)} to {figure(interval.high)})"


def nested_remarks(study: Study, run: Run) -> str:
    """The comments of a tuned recipe after a nested search."""
    tuned = run.record["tuned"]
    outer = with_interval(tuned["outer"], outer_interval(run, tuned["metric"]))
    return _wrapped(
        f"{_made_by(study)}, for each of {len(study.searches)} outer splits. Nested {tuned['metric']} of the student: "
        f"{outer}; mean inner best {figure(tuned['inner'])}, optimism {tuned['optimism']:+.4f}.",
        AGREED,
    )


def flat_remarks(study: Study, winner: Winner) -> str:
    """The comments of a tuned recipe after a flat search."""
    return _wrapped(
        f"{_made_by(study)}, on inner splits of all subjects. Best inner {study.tune.metric} of the student: "
        f"{figure(winner.score)} (trial {winner.number}).",
        OPTIMISTIC,
    )


def _made_by(study: Study) -> str:
    tune = study.tune
    return (
        f"Made by xdistill tune from {study.experiment.recipe.name}, study {study.identity}: {tune.trials} trials of "
        f"{tune.sampler.use}, {tune.folds} inner folds"
    )


def _wrapped(*paragraphs: str) -> str:
    return "\n".join(line for paragraph in paragraphs for line in textwrap.wrap(paragraph, WIDTH))
