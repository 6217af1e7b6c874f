"""Shuffled folds, those of scikit-learn to the last row, without the second that importing it takes.

Every command that looks for a run makes its splits, also if the run is finished.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]


def shuffled_folds(count: int, folds: int, seed: int) -> Iterator[tuple[Rows, Rows]]:
    """Training and test rows of each fold, as ``KFold(folds, shuffle=True, random_state=seed)`` gives them."""
    order = np.arange(count)
    np.random.RandomState(seed).shuffle(order)
    fold_of = np.empty(count, dtype=np.int64)
    fold_of[order] = np.repeat(np.arange(folds), [len(part) for part in np.array_split(order, folds)])
    return _parts(fold_of, folds)


def stratified_folds(strata: Rows, folds: int, seed: int) -> Iterator[tuple[Rows, Rows]]:
    """Training and test rows of each fold, as ``StratifiedKFold(folds, shuffle=True, random_state=seed)`` gives them.

    Args:
        strata: of the rows.
        folds: how many; no more than the smallest stratum has rows.
        seed: of the shuffling.
    """
    generator = np.random.RandomState(seed)
    _, first, of_row = np.unique(strata, return_index=True, return_inverse=True)
    place = np.argsort(np.argsort(first))[of_row]  # strata in the order of their first rows
    ordered = np.sort(place)
    shares = np.stack([np.bincount(ordered[fold::folds], minlength=len(first)) for fold in range(folds)])
    fold_of = np.empty(len(strata), dtype=np.int64)
    for stratum in range(len(first)):
        given = np.repeat(np.arange(folds), shares[:, stratum])
        generator.shuffle(given)
        fold_of[place == stratum] = given
    return _parts(fold_of, folds)


def _parts(fold_of: Rows, folds: int) -> Iterator[tuple[Rows, Rows]]:
    return ((np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)) for fold in range(folds))
