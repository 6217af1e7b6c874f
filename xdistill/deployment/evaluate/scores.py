"""The figures of a model on labelled subjects."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xdistill.deployment.evaluate.intervals import Bootstrap, Figure
from xdistill.deployment.evaluate.result import Benefit, Bin, Estimate, OneClass, Operating, Sets
from xdistill.errors import DataError
from xdistill.stats.areas import Counts, Floats
from xdistill.stats.one_class import (
    at_threshold,
    calibration_line,
    net_benefit,
    net_benefit_of_all,
    reliability_bins,
)
from xdistill.stats.resampled import resampled_metric
from xdistill.stats.tasks import TASK_METRICS
from xdistill.stats.tasks.functions import MetricFunction
from xdistill.stats.tasks.resampled import RESAMPLED_BY_NAMES, RESAMPLED_TASKS
from xdistill.stats.weighted import WEIGHTED, auc_of_class, bin_error, ratio
from xdistill.tasks import Classification, Task

THRESHOLDS = tuple(round(0.01 * step, 2) for step in range(1, 100))
BINS = 10


@dataclass(frozen=True)
class Called:
    """A class that is called at a threshold: what it is, where, and by which rule."""

    positive: int
    threshold: float
    rule: str


def standard_metrics(task: Task, targets: NDArray[Any], predictions: Floats) -> dict[str, Figure]:
    """The standard metrics of the task; those that a plugin's task brings are computed resample by resample."""
    known = {**TASK_METRICS, **task.metrics}
    found: dict[str, Figure] = {}
    for name in (score.name for score in task.scores):
        if name in WEIGHTED:
            found[name] = _bound(WEIGHTED[name], targets, predictions)
        elif name in RESAMPLED_TASKS or name in RESAMPLED_BY_NAMES:
            found[name] = _bound(resampled_metric(name, task.names), targets, predictions)
        elif name in known:
            found[name] = _one_by_one(known[name], task, targets, predictions)
    return found


def _bound(metric: Callable[[Any, Floats, Counts], Floats], targets: NDArray[Any], predictions: Floats) -> Figure:
    def value(counts: Counts) -> Floats:
        with np.errstate(invalid="ignore", divide="ignore"):  # of resamples without a subject of a subgroup
            return metric(targets, predictions, counts)

    return value


def _one_by_one(metric: MetricFunction, task: Task, targets: NDArray[Any], predictions: Floats) -> Figure:
    def value(drawn: Floats) -> float:
        rows = np.repeat(np.arange(len(targets)), drawn.astype(np.int64))
        try:
            return metric(targets[rows], predictions[rows], task.names)
        except DataError:  # not defined for the subjects drawn
            return np.nan

    return lambda counts: np.array([value(drawn) for drawn in counts.T])


def one_auc(positive: NDArray[np.bool_], probability: Floats) -> Figure:
    """AUC of those who are of a class, or have a label, against the others."""
    metric, both = auc_of_class(1), np.stack([1 - probability, probability], axis=1)
    return lambda counts: metric(positive.astype(np.int64), both, counts)


def one_class(
    bootstrap: Bootstrap,
    positive: NDArray[np.bool_],
    probability: Floats,
    name: str,
    *,
    called: Called | None,
    against: Floats | None,
) -> OneClass:
    """One class, or label, against the others.

    Args:
        bootstrap: with the subjects.
        positive: who is of the class, ``(subjects,)``.
        probability: of the model, ``(subjects,)``.
        name: of the class.
        called: its threshold; None: neither a decision curve nor an operating point.
        against: probability of a second model, for the decision curve.
    """
    happened = positive.astype(np.float64)
    distance = (probability - happened) ** 2
    found = bootstrap.estimates(
        {
            "auc": one_auc(positive, probability),
            "slope": lambda counts: calibration_line(positive, probability, counts)[0],
            "intercept": lambda counts: calibration_line(positive, probability, counts)[1],
            "ece": lambda counts: bin_error(probability, happened, counts),
            "brier": lambda counts: ratio(distance @ counts, counts.sum(axis=0)),
        }
    )
    return OneClass(
        name=name,
        subjects=int(positive.sum()),
        **found,
        bins=_bins(bootstrap, positive, probability),
        benefit=() if called is None else _benefit(bootstrap, positive, probability, against),
        operating=None if called is None else _operating(bootstrap, positive, probability, called),
    )


def prediction_sets(bootstrap: Bootstrap, sets: NDArray[np.bool_], classes: Sequence[str], level: float) -> Sets:
    """Coverage and size of prediction sets ``(subjects, classes)``."""
    targets = bootstrap.cohort.targets
    inside = sets[np.arange(len(targets)), targets].astype(np.float64)
    size = sets.sum(axis=1).astype(np.float64)
    figures: dict[str, Figure] = {"all": mean_of(inside), "size": mean_of(size)}
    for place, name in enumerate(classes):
        figures[f"class {name}"] = mean_of(inside, targets == place)
    found = bootstrap.estimates(figures)
    return Sets(
        level=level,
        coverage=found["all"],
        of_class={name: found[f"class {name}"] for name in classes},
        size=found["size"],
        empty=float((size == 0).mean()),
    )


def confusion(task: Task, targets: NDArray[Any], predictions: Floats) -> tuple[tuple[int, ...], ...]:
    """Subjects by true class (rows) and predicted class; empty for tasks of which a subject has not one class."""
    if not isinstance(task, Classification):
        return ()
    size = len(task.classes)
    cells = np.bincount(targets * size + task.predicted(predictions), minlength=size * size)
    return tuple(map(tuple, cells.reshape(size, size).tolist()))


def mean_of(values: Floats, rows: NDArray[np.bool_] | None = None) -> Figure:
    """The mean of some subjects' values ``(subjects,)``; of all if no rows are given."""
    chosen = np.ones(len(values)) if rows is None else rows.astype(np.float64)
    return lambda counts: ratio((values * chosen) @ counts, chosen @ counts)


def _bins(bootstrap: Bootstrap, positive: NDArray[np.bool_], probability: Floats) -> tuple[Bin, ...]:
    mean, _, count = reliability_bins(positive, probability, bins=BINS)
    index = np.minimum((probability * BINS).astype(np.int64), BINS - 1)
    used = np.flatnonzero(count)
    figures = {str(place): mean_of(positive.astype(np.float64), index == place) for place in used}
    found = bootstrap.estimates(figures)
    return tuple(Bin(float(mean[place]), found[str(place)], int(count[place])) for place in used)


def _benefit(
    bootstrap: Bootstrap, positive: NDArray[np.bool_], probability: Floats, against: Floats | None
) -> tuple[Benefit, ...]:
    found = bootstrap.estimates(
        {str(threshold): _net_benefit(positive, probability, threshold) for threshold in THRESHOLDS}
    )
    once = np.ones((len(positive), 1))
    return tuple(
        Benefit(
            threshold,
            found[str(threshold)],
            None if against is None else float(net_benefit(positive, against, once, threshold)[0]),
            float(net_benefit_of_all(positive, once, threshold)[0]),
        )
        for threshold in THRESHOLDS
    )


def _net_benefit(positive: NDArray[np.bool_], probability: Floats, threshold: float) -> Figure:
    return lambda counts: net_benefit(positive, probability, counts, threshold)


def operating_figures(positive: NDArray[np.bool_], probability: Floats, threshold: float) -> Mapping[str, Figure]:
    """Sensitivity, specificity and predictive values at a threshold."""

    def share(name: str) -> Figure:
        def figure(counts: Counts) -> Floats:
            found: Floats = getattr(at_threshold(positive, probability, counts, threshold), name)
            return found

        return figure

    names = ("sensitivity", "specificity", "positive_predictive_value", "negative_predictive_value")
    return {name: share(name) for name in names}


def _operating(bootstrap: Bootstrap, positive: NDArray[np.bool_], probability: Floats, called: Called) -> Operating:
    found: dict[str, Estimate] = bootstrap.estimates(operating_figures(positive, probability, called.threshold))
    yes = probability >= called.threshold
    cells = np.bincount(2 * positive.astype(np.int64) + yes, minlength=4).tolist()
    return Operating(
        rule=called.rule, threshold=called.threshold, confusion=((cells[0], cells[1]), (cells[2], cells[3])), **found
    )
