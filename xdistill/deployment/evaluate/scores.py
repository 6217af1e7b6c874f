"""The figures of a model on labelled subjects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xdistill.deployment.evaluate.intervals import Bootstrap, Figure
from xdistill.deployment.evaluate.result import Benefit, Bin, Estimate, OneClass, Operating, Sets
from xdistill.stats.areas import Counts, Floats
from xdistill.stats.one_class import (
    at_threshold,
    calibration_line,
    net_benefit,
    net_benefit_of_all,
    reliability_bins,
)
from xdistill.stats.weighted import WEIGHTED, auc_of_class, bin_error, ratio

THRESHOLDS = tuple(round(0.01 * step, 2) for step in range(1, 100))
BINS = 10


@dataclass(frozen=True)
class Called:
    """A class that is called at a threshold: what it is, where, and by which rule."""

    positive: int
    threshold: float
    rule: str


def standard_metrics(targets: NDArray[np.int64], probabilities: Floats) -> dict[str, Figure]:
    """The standard metrics of classification."""
    return {name: _bound(name, targets, probabilities) for name in WEIGHTED}


def _bound(name: str, targets: NDArray[np.int64], probabilities: Floats) -> Figure:
    metric = WEIGHTED[name]
    return lambda counts: metric(targets, probabilities, counts)


def class_auc(targets: NDArray[np.int64], probabilities: Floats, place: int) -> Figure:
    """AUC of one class against the others."""
    metric = auc_of_class(place)
    return lambda counts: metric(targets, probabilities, counts)


def one_class(
    bootstrap: Bootstrap,
    probabilities: Floats,
    place: int,
    name: str,
    *,
    called: Called | None,
    against: Floats | None,
) -> OneClass:
    """One class against the others.

    Args:
        bootstrap: with the subjects.
        probabilities: of the model ``(subjects, classes)``.
        place: of the class.
        name: of the class.
        called: its threshold; None: neither a decision curve nor an operating point.
        against: probabilities of a second model, for the decision curve.
    """
    targets = bootstrap.cohort.targets
    positive, probability = targets == place, probabilities[:, place]
    happened = positive.astype(np.float64)
    distance = (probability - happened) ** 2
    found = bootstrap.estimates(
        {
            "auc": class_auc(targets, probabilities, place),
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
        benefit=() if called is None else _benefit(bootstrap, positive, probability, against, place),
        operating=None if called is None else _operating(bootstrap, positive, probability, called),
    )


def prediction_sets(bootstrap: Bootstrap, sets: NDArray[np.bool_], classes: Sequence[str], level: float) -> Sets:
    """Coverage and size of prediction sets ``(subjects, classes)``."""
    targets = bootstrap.cohort.targets
    inside = sets[np.arange(len(targets)), targets].astype(np.float64)
    size = sets.sum(axis=1).astype(np.float64)
    figures: dict[str, Figure] = {"all": _mean(inside), "size": _mean(size)}
    for place, name in enumerate(classes):
        figures[f"class {name}"] = _mean(inside, targets == place)
    found = bootstrap.estimates(figures)
    return Sets(
        level=level,
        coverage=found["all"],
        of_class={name: found[f"class {name}"] for name in classes},
        size=found["size"],
        empty=float((size == 0).mean()),
    )


def confusion(targets: NDArray[np.int64], probabilities: Floats) -> tuple[tuple[int, ...], ...]:
    """Subjects by true class (rows) and most probable class."""
    size = probabilities.shape[1]
    cells = np.bincount(targets * size + probabilities.argmax(axis=1), minlength=size * size)
    return tuple(map(tuple, cells.reshape(size, size).tolist()))


def _mean(values: Floats, rows: NDArray[np.bool_] | None = None) -> Figure:
    chosen = np.ones(len(values)) if rows is None else rows.astype(np.float64)
    return lambda counts: ratio((values * chosen) @ counts, chosen @ counts)


def _bins(bootstrap: Bootstrap, positive: NDArray[np.bool_], probability: Floats) -> tuple[Bin, ...]:
    mean, _, count = reliability_bins(positive, probability, bins=BINS)
    index = np.minimum((probability * BINS).astype(np.int64), BINS - 1)
    used = np.flatnonzero(count)
    figures = {str(place): _mean(positive.astype(np.float64), index == place) for place in used}
    found = bootstrap.estimates(figures)
    return tuple(Bin(float(mean[place]), found[str(place)], int(count[place])) for place in used)


def _benefit(
    bootstrap: Bootstrap, positive: NDArray[np.bool_], probability: Floats, against: Floats | None, place: int
) -> tuple[Benefit, ...]:
    found = bootstrap.estimates(
        {str(threshold): _net_benefit(positive, probability, threshold) for threshold in THRESHOLDS}
    )
    once = np.ones((len(positive), 1))
    return tuple(
        Benefit(
            threshold,
            found[str(threshold)],
            None if against is None else float(net_benefit(positive, against[:, place], once, threshold)[0]),
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
