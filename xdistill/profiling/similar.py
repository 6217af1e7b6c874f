"""Images that are nearly the same: a perceptual hash finds candidates, their correlation decides."""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from xdistill.data import CohortLike

_SIDE = 4  # blocks along each axis
_NEARLY = 0.999  # correlation of the values of two images
_AT_ONCE = 16
_LARGEST = 2**31  # bytes of images that are read for this
_CANDIDATES = 2000


def average_hashes(images: NDArray[np.floating]) -> list[bytes]:
    """Which of some blocks of each image are brighter than their median: the average hash, in any number of dimensions.

    Args:
        images: ``(images, channels, *axes)``.
    """
    blocks = np.asarray(images.mean(axis=1), dtype=np.float64)
    for axis in range(1, blocks.ndim):
        parts = np.array_split(blocks, min(_SIDE, blocks.shape[axis]), axis=axis)
        blocks = np.stack([part.mean(axis=axis) for part in parts], axis=axis)
    blocks = blocks.reshape(len(blocks), -1)
    bright = np.packbits(blocks > np.median(blocks, axis=1, keepdims=True), axis=1)
    return [row.tobytes() for row in bright]


def similar_pairs(cohort: CohortLike, name: str) -> list[tuple[int, int]]:
    """Pairs of rows of different patients whose images of one modality are nearly the same; none in huge cohorts."""
    rows = np.flatnonzero(cohort.present(name))
    size = int(np.prod(cohort.schema.modalities[name].shape)) * 4
    if len(rows) * size > _LARGEST:
        return []
    alike: defaultdict[bytes, list[int]] = defaultdict(list)
    for start in range(0, len(rows), _AT_ONCE):
        some = rows[start : start + _AT_ONCE]
        for row, found in zip(some.tolist(), average_hashes(cohort.values(name, some)), strict=True):
            alike[found].append(row)
    candidates = [pair for group in alike.values() for pair in combinations(group, 2)][:_CANDIDATES]
    return [
        (first, second)
        for first, second in candidates
        if cohort.patients[first] != cohort.patients[second] and _correlation(cohort, name, first, second) >= _NEARLY
    ]


def _correlation(cohort: CohortLike, name: str, first: int, second: int) -> float:
    pair = cohort.values(name, [first, second]).reshape(2, -1).astype(np.float64)
    spread = pair.std(axis=1)
    if not spread.all():
        return 0.0
    one, other = pair - pair.mean(axis=1, keepdims=True)
    return float((one * other).mean() / spread.prod())
