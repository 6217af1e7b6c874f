"""Metrics of one set of predictions in many resamples at once, for intervals by patient.

All functions take targets ``(subjects,)``, probabilities ``(subjects, classes)`` and multiplicities
``(subjects, resamples)``, and return ``(resamples,)``; NaN where a metric is not defined. With multiplicities of one
they are the metrics of `xdistill.stats.metrics`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from xdistill.stats.areas import Counts, Floats, Integers, resampled_auc_ovo, wins

BINS = 10
Weighted = Callable[[Integers, Floats, Counts], Floats]


def ratio(part: Floats, whole: Floats) -> Floats:
    """``part / whole``; NaN where there is nothing."""
    result: Floats = np.divide(part, whole, out=np.full(np.broadcast(part, whole).shape, np.nan), where=whole > 0)
    return result


def accuracy(target: Integers, probabilities: Floats, counts: Counts) -> Floats:
    """Share of subjects whose most probable class is the right one."""
    hit = (probabilities.argmax(axis=1) == target).astype(np.float64)
    return ratio(hit @ counts, counts.sum(axis=0))


def balanced_accuracy(target: Integers, probabilities: Floats, counts: Counts) -> Floats:
    """Mean over classes of the share that is recognised; NaN if a class is not drawn."""
    hits, members, _ = _tallies(target, probabilities, counts)
    result: Floats = ratio(hits, members).mean(axis=0)
    return result


def f1_macro(target: Integers, probabilities: Floats, counts: Counts) -> Floats:
    """Mean over classes of F1; a class that is never predicted counts as zero."""
    result: Floats = _f1(target, probabilities, counts).mean(axis=0)
    return result


def f1_weighted(target: Integers, probabilities: Floats, counts: Counts) -> Floats:
    """F1 weighted by the members of the classes."""
    members = _tallies(target, probabilities, counts)[1]
    return ratio((_f1(target, probabilities, counts) * members).sum(axis=0), members.sum(axis=0))


def brier(target: Integers, probabilities: Floats, counts: Counts) -> Floats:
    """Mean squared distance between probabilities and the one-hot target, 0 to 2."""
    distance = ((probabilities - np.eye(probabilities.shape[1])[target]) ** 2).sum(axis=1)
    return ratio(distance @ counts, counts.sum(axis=0))


def ece(target: Integers, probabilities: Floats, counts: Counts) -> Floats:
    """Expected calibration error of the top class, in ten bins of equal width."""
    hit = (probabilities.argmax(axis=1) == target).astype(np.float64)
    return bin_error(probabilities.max(axis=1), hit, counts)


def bin_error(probability: Floats, happened: Floats, counts: Counts) -> Floats:
    """Mean distance between probability and frequency over ten bins of equal width, weighted by their subjects.

    Args:
        probability: of an event ``(subjects,)``.
        happened: 1 or 0 ``(subjects,)``.
        counts: ``(subjects, resamples)``.
    """
    index = np.minimum((probability * BINS).astype(np.int64), BINS - 1)
    gaps = np.zeros(counts.shape[1])
    for place in np.unique(index):
        rows = index == place
        gaps += np.abs((probability[rows] - happened[rows]) @ counts[rows])
    return ratio(gaps, counts.sum(axis=0))


def auc_of_class(place: int) -> Weighted:
    """AUC of one class against all others."""

    def auc(target: Integers, probabilities: Floats, counts: Counts) -> Floats:
        positive = target == place
        score = probabilities[:, place]
        won = wins(score[positive], score[~positive], counts[positive], counts[~positive])
        return ratio(won, counts[positive].sum(axis=0) * counts[~positive].sum(axis=0))

    return auc


# The standard metrics of classification, by the names that `Classification.scores` gives them.
WEIGHTED: Mapping[str, Weighted] = {
    "auc_ovo": resampled_auc_ovo,
    "f1_macro": f1_macro,
    "f1_weighted": f1_weighted,
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "brier": brier,
    "ece": ece,
}


def _tallies(target: Integers, probabilities: Floats, counts: Counts) -> tuple[Floats, Floats, Floats]:
    """Hits, members and predicted subjects of each class, each ``(classes, resamples)``."""
    classes = np.arange(probabilities.shape[1])[:, None]
    member, predicted = target == classes, probabilities.argmax(axis=1) == classes
    return (
        (member & predicted).astype(np.float64) @ counts,
        member.astype(np.float64) @ counts,
        predicted.astype(np.float64) @ counts,
    )


def _f1(target: Integers, probabilities: Floats, counts: Counts) -> Floats:
    hits, members, predicted = _tallies(target, probabilities, counts)
    sizes = members + predicted
    return np.divide(2 * hits, sizes, out=np.zeros_like(hits), where=sizes > 0)
