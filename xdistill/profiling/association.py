"""How well one column alone predicts a class."""

from __future__ import annotations

from itertools import combinations
from math import lgamma, log, sqrt

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Classes = NDArray[np.int64]

SEPARATED = 0.995  # area under the ROC curve of every pair of classes from which on a column separates them
MATCHED = 0.99  # accuracy from which on categories stand for classes
BY_CHANCE = 1e-3  # largest probability that one of all columns separates the classes by chance
_FEWEST = 4  # subjects of a class that can be separated


def separation(values: Values, classes: Classes) -> float:
    """The smallest area under the ROC curve of all pairs of classes, in the better direction; 0.5 if it is unknown.

    Args:
        values: of one column, ``(subjects,)``; NaN is missing.
        classes: of the subjects.
    """
    known = ~np.isnan(values)
    values, classes = values[known], classes[known]
    groups = [np.sort(values[classes == one]) for one in np.unique(classes)]
    if len(groups) < 2:  # noqa: PLR2004 -- a pair
        return 0.5
    return min(_auc(first, second) for first, second in combinations(groups, 2))


def _auc(first: Values, second: Values) -> float:
    """Mann and Whitney's statistic as a fraction, in the better direction; both sorted."""
    below = np.searchsorted(first, second, side="left").sum()
    equal = np.searchsorted(first, second, side="right").sum() - below
    area = float(below + equal / 2) / (len(first) * len(second))
    return max(area, 1 - area)


def matching(values: Values, classes: Classes) -> float:
    """Accuracy of the majority class among the others with the same value; a unique value counts as wrong.

    Args:
        values: of one column, ``(subjects,)``; NaN is missing and left out.
        classes: of the subjects, from 0.
    """
    known = ~np.isnan(values)
    if not known.any():
        return 0.0
    _, places = np.unique(values[known], return_inverse=True)
    table = np.zeros((places.max() + 1, int(classes.max()) + 1), dtype=np.int64)
    np.add.at(table, (places, classes[known]), 1)
    best = table.argmax(axis=1)
    right = table[np.arange(len(table)), best]
    others = np.sort(table, axis=1)[:, -2] if table.shape[1] > 1 else np.zeros(len(table), dtype=np.int64)
    return float(np.where(right - 1 > others, right, 0).sum() / known.sum())


def chance(values: Values, classes: Classes, columns: int) -> float:
    """An upper bound of the probability that one of so many columns without meaning separates the classes perfectly.

    For two classes of n and m subjects a column does with probability 2 / C(n + m, n); for more, every order counts.
    """
    counts = np.bincount(classes[~np.isnan(values)])
    counts = counts[counts > 0]
    if len(counts) < 2 or counts.min() < _FEWEST:  # noqa: PLR2004 -- a pair
        return 1.0
    arrangements = lgamma(counts.sum() + 1) - sum(lgamma(count + 1) for count in counts)
    return float(min(1.0, np.exp(log(max(1, columns)) + lgamma(len(counts) + 1) - arrangements)))


def cramers_v(values: Values, classes: Classes) -> float:
    """Cramér's V of two nominal variables: 0 independent, 1 one decides the other."""
    known = ~np.isnan(values)
    if known.sum() < _FEWEST:
        return 0.0
    _, rows = np.unique(values[known], return_inverse=True)
    _, columns = np.unique(classes[known], return_inverse=True)
    table = np.zeros((rows.max() + 1, columns.max() + 1))
    np.add.at(table, (rows, columns), 1)
    smaller = min(table.shape) - 1
    if not smaller:
        return 0.0
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True) / table.sum()
    return sqrt(float(((table - expected) ** 2 / expected).sum()) / (table.sum() * smaller))
