"""Bootstrap intervals of means over folds, for one network; see `xdistill.stats.bootstrap`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from xdistill.errors import UserError
from xdistill.stats.bootstrap import Interval, resampled_scores
from xdistill.stats.methods import ScoredFold
from xdistill.stats.metrics import Summary
from xdistill.stats.predictions import FoldPredictions
from xdistill.stats.resampled import RESAMPLED_ALL
from xdistill.tasks import Task


def mean_intervals(
    folds: Sequence[FoldPredictions],
    task: Task,
    scores: Mapping[str, Summary],
    patients: Mapping[str, str] | None,
    wanted: Collection[str] | None = None,
) -> dict[str, Interval]:
    """The 95 % interval of the mean over folds, for each metric of the task's table that can be resampled.

    Subjects are taken in the order of their ids, as benchmarks do, so that both give the same interval.

    Args:
        folds: predictions of one network, or of one in each fold. Folds may test the same subjects, such as an external
            cohort: a patient is then drawn as often in all of them.
        task: what is predicted.
        scores: the metrics.
        patients: patient by subject; None: every subject is a patient of its own.
        wanted: names of metrics; None: all.

    Returns:
        By metric; empty if no interval is defined.
    """
    metrics = [name for name in task.table if name in RESAMPLED_ALL and name in scores]
    metrics = [name for name in metrics if wanted is None or name in wanted]
    if not metrics or not folds:
        return {}
    try:
        resampled = resampled_scores([_scored(fold, task) for fold in folds], metrics, patients=patients)
    except UserError:
        return {}
    return {name: Interval.of(scores[name].mean, resampled[name][0]) for name in metrics}


def _scored(fold: FoldPredictions, task: Task) -> ScoredFold:
    order = np.argsort(np.array(fold.subjects, dtype=object), kind="stable")
    target = fold.target[order]
    return ScoredFold(
        repeat=fold.repeat,
        fold=fold.fold,
        subjects=tuple(fold.subjects[place] for place in order),
        target=target,
        train_size=0,  # only tests need it
        probabilities=(fold.probabilities[order][None],),
        strata=task.strata(target),
        names=task.names,
    )
