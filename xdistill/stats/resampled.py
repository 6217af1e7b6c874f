"""Metrics of many resamples of a fold at once, without scikit-learn and without copying subjects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from xdistill.stats.areas import Counts, Floats, Integers, resampled_auc_ovo


class ResampledMetric(Protocol):
    """A metric of every resample of one fold: higher is better, NaN where a class is not drawn."""

    def __call__(self, target: Integers, probabilities: Floats, counts: Counts) -> Floats:
        """``(subjects,)``, ``(subjects, classes)`` and ``(subjects, resamples)`` to ``(resamples,)``."""


def resampled_accuracy(target: Integers, probabilities: Floats, counts: Counts) -> Floats:
    """Share of drawn subjects whose most probable class is the right one, ``(resamples,)``, 0 to 1."""
    hit = (probabilities.argmax(axis=1) == target).astype(np.float64)
    drawn = counts.sum(axis=0)
    share = np.divide(hit @ counts, drawn, out=np.zeros_like(drawn), where=drawn > 0)
    return _where_all_classes(share, target, probabilities.shape[1], counts)


def resampled_f1_macro(target: Integers, probabilities: Floats, counts: Counts) -> Floats:
    """Mean over classes of F1 = 2 hits / (members + predicted), ``(resamples,)``, 0 to 1.

    A class that is never predicted counts as zero.
    """
    classes = np.arange(probabilities.shape[1])[:, None]
    member = target == classes  # (classes, subjects)
    predicted = probabilities.argmax(axis=1) == classes
    hits, sizes = (member & predicted) @ counts, (member.astype(np.float64) + predicted) @ counts
    share = np.divide(2 * hits, sizes, out=np.zeros_like(hits), where=sizes > 0)
    return _where_all_classes(share.mean(axis=0), target, len(classes), counts)


def _where_all_classes(values: Floats, target: Integers, classes: int, counts: Counts) -> Floats:
    drawn = np.all([counts[target == index].sum(axis=0) > 0 for index in range(classes)], axis=0)
    return np.where(drawn, values, np.nan)


RESAMPLED: Mapping[str, ResampledMetric] = {
    "auc_ovo": resampled_auc_ovo,
    "f1_macro": resampled_f1_macro,
    "accuracy": resampled_accuracy,
}
