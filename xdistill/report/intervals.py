"""Bootstrap intervals of a run's scores, by the same method as a benchmark's: see `xdistill.stats.bootstrap`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from xdistill.errors import UserError
from xdistill.runs import Run
from xdistill.runs.files import read_json
from xdistill.stats import FoldPredictions, Interval, ScoredFold, resampled_scores
from xdistill.stats.resampled import RESAMPLED_ALL
from xdistill.tasks import Task


def score_intervals(run: Run, role: str) -> dict[str, Interval]:
    """The 95 % interval of the mean over folds, for each metric of the table that can be resampled.

    Subjects are taken in the order of their ids, as benchmarks do, so that both give the same interval.

    Args:
        run: a finished run.
        role: of the network.

    Returns:
        By metric; empty if no interval is defined, such as for other tasks than classification.
    """
    task = run.task
    metrics = [name for name in task.table if name in RESAMPLED_ALL and name in run.metrics[role]]
    folds = [_scored(fold, task) for fold in run.predictions.of(role)]
    if not metrics or not folds:
        return {}
    try:
        resampled = resampled_scores(folds, metrics, patients=_patients(run))
    except UserError:
        return {}
    return {name: Interval.of(run.metrics[role][name].mean, resampled[name][0]) for name in metrics}


def _patients(run: Run) -> Mapping[str, str] | None:
    known: Any = read_json(run.folder.splits).get("patients")
    return known if isinstance(known, Mapping) else None


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
    )
