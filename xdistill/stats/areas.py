"""Areas under ROC curves as Mann-Whitney statistics, for one sample and for many resamples of it at once.

The area of two groups is the share of pairs in which the positive subject scores higher, ties counting half (Hanley
and McNeil 1982). A resample draws a subject as often as its multiplicity says, so its area is the same share with
every pair counted by the product of two multiplicities: no subject has to be copied, and the scores are sorted once.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.float64]
Integers = NDArray[np.int64]


def area(positive: Floats, negative: Floats) -> float:
    """Area under the ROC curve of two groups of scores, each ``(subjects,)`` and not empty; 0 to 1."""
    ordered = np.sort(negative)
    below, up_to = ordered.searchsorted(positive, "left"), ordered.searchsorted(positive, "right")
    return float((below.sum() + up_to.sum()) / (2 * len(positive) * len(negative)))


def wins(positive: Floats, negative: Floats, positive_counts: Counts, negative_counts: Counts) -> Floats:
    """Pairs in which the positive subject scores higher, in every resample; a tie is half a pair.

    Args:
        positive: scores ``(positives,)``.
        negative: scores ``(negatives,)``.
        positive_counts: how often each is drawn ``(positives, resamples)``.
        negative_counts: likewise ``(negatives, resamples)``.

    Returns:
        ``(resamples,)``; divided by the number of pairs of a resample it is the resample's area. Sums of whole and half
        numbers: exact.
    """
    order = np.argsort(negative, kind="stable")
    ordered = negative[order]
    drawn_below = np.zeros((len(negative) + 1, negative_counts.shape[1]))  # how many of the first i are drawn
    for place, drawn in enumerate(negative_counts[order]):  # row by row: cumsum goes down each column by itself
        np.add(drawn_below[place], drawn, out=drawn_below[place + 1])
    below, up_to = ordered.searchsorted(positive, "left"), ordered.searchsorted(positive, "right")
    result: Floats = np.einsum("ij,ij->j", positive_counts, drawn_below[below])
    if (below != up_to).any():
        result = (result + np.einsum("ij,ij->j", positive_counts, drawn_below[up_to])) / 2
    return result


def directions(classes: int) -> Iterator[tuple[tuple[int, int], tuple[tuple[int, int], ...]]]:
    """Pairs of classes with the directions in which their area is measured: ``pair, ((positive, negative), …)``.

    Each pair is seen from both sides, by the probability of either class (Hand and Till 2001). With two classes both
    sides are the same, and the second class is the positive one, as in scikit-learn.
    """
    if classes == 2:  # noqa: PLR2004 - the binary case
        yield (0, 1), ((1, 0),)
        return
    for first, second in combinations(range(classes), 2):
        yield (first, second), ((first, second), (second, first))


def resampled_auc_ovo(target: Integers, probabilities: Floats, counts: Counts) -> Floats:
    """Macro one-versus-one AUC (Hand and Till 2001) of every resample: the mean over pairs of classes.

    Args:
        target: class indices ``(subjects,)``.
        probabilities: ``(subjects, classes)``.
        counts: how often each subject is drawn ``(subjects, resamples)``.

    Returns:
        ``(resamples,)``, 0 to 1; NaN where a class is not drawn.
    """
    classes = probabilities.shape[1]
    members = [np.flatnonzero(target == index) for index in range(classes)]
    drawn = [counts[rows] for rows in members]
    totals = [part.sum(axis=0) for part in drawn]
    areas = []
    for (one, other), sides in directions(classes):
        won = sum(
            wins(
                probabilities[members[first], first], probabilities[members[second], first], drawn[first], drawn[second]
            )
            for first, second in sides
        )
        pairs = totals[one] * totals[other]
        areas.append(np.divide(won, len(sides) * pairs, out=np.full(counts.shape[1], np.nan), where=pairs > 0))
    result: Floats = np.mean(areas, axis=0)
    return result


def expected_auc_ovo(truth: Floats, probabilities: Floats) -> float:
    """Macro one-versus-one AUC (Hand and Till 2001) where only the probabilities of the true classes are known.

    Each pair of subjects counts by the probability that the first is of one class and the second of the other. With
    labels drawn from ``truth`` the AUC has nearly this mean, and varies around it.

    Args:
        truth: probabilities of the true classes ``(subjects, classes)``.
        probabilities: predicted ``(subjects, classes)``.

    Returns:
        0 to 1.
    """
    areas = []
    for (one, other), sides in directions(probabilities.shape[1]):
        oneself = (truth[:, one] * truth[:, other]).sum()  # no subject is compared with itself
        pairs = truth[:, one].sum() * truth[:, other].sum() - oneself
        for first, second in sides:
            scores, counts = probabilities[:, first], (truth[:, [first]], truth[:, [second]])
            areas.append((float(wins(scores, scores, *counts)[0]) - oneself / 2) / pairs)
    return float(np.mean(areas))
