"""Metrics of many resamples of a fold at once, without scikit-learn and without copying subjects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from xdistill.errors import UserError
from xdistill.stats.areas import Counts, Floats, Integers, resampled_auc_ovo
from xdistill.stats.tasks.resampled import RESAMPLED_BY_NAMES, RESAMPLED_TASKS


class ResampledMetric(Protocol):
    """A metric of every resample of one fold; NaN where it is not defined, as where a class is not drawn."""

    def __call__(self, target: Integers, probabilities: Floats, counts: Counts, /) -> Floats:
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


def resampled_balanced_accuracy(target: Integers, probabilities: Floats, counts: Counts) -> Floats:
    """Mean over classes of the share that is recognised, ``(resamples,)``, 0 to 1."""
    hits, members, _ = _by_class(target, probabilities, counts)
    return _where_all_classes(_share(hits, members).mean(axis=0), target, len(hits), counts)


def resampled_sensitivity(target: Integers, probabilities: Floats, counts: Counts) -> Floats:
    """Share of the drawn positive subjects that are predicted positive, ``(resamples,)``, 0 to 1."""
    return _of_two(1, target, probabilities, counts, of_predicted=False)


def resampled_specificity(target: Integers, probabilities: Floats, counts: Counts) -> Floats:
    """Share of the drawn negative subjects that are predicted negative, ``(resamples,)``, 0 to 1."""
    return _of_two(0, target, probabilities, counts, of_predicted=False)


def resampled_ppv(target: Integers, probabilities: Floats, counts: Counts) -> Floats:
    """Positive predictive value, ``(resamples,)``, 0 to 1; 0 if no drawn subject is predicted positive."""
    return _of_two(1, target, probabilities, counts, of_predicted=True)


def resampled_npv(target: Integers, probabilities: Floats, counts: Counts) -> Floats:
    """Negative predictive value, ``(resamples,)``, 0 to 1; 0 if no drawn subject is predicted negative."""
    return _of_two(0, target, probabilities, counts, of_predicted=True)


def _of_two(index: int, target: Integers, probabilities: Floats, counts: Counts, *, of_predicted: bool) -> Floats:
    hits, members, predicted = _by_class(target, probabilities, counts)
    if len(hits) != 2:  # noqa: PLR2004 - binary
        raise UserError(
            f"sensitivity, specificity and predictive values are defined for two classes, but there are {len(hits)}; "
            f"choose another metric"
        )
    share = _share(hits, predicted if of_predicted else members)[index]
    return _where_all_classes(share, target, len(hits), counts)


def _by_class(target: Integers, probabilities: Floats, counts: Counts) -> tuple[Floats, Floats, Floats]:
    """Drawn subjects predicted right, members, and predicted, by class ``(classes, resamples)``."""
    classes = np.arange(probabilities.shape[1])[:, None]
    member = target == classes
    predicted = probabilities.argmax(axis=1) == classes
    hits, members, named = ((part.astype(np.float64) @ counts) for part in (member & predicted, member, predicted))
    return hits, members, named


def _share(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _where_all_classes(values: Floats, target: Integers, classes: int, counts: Counts) -> Floats:
    drawn = np.all([counts[target == index].sum(axis=0) > 0 for index in range(classes)], axis=0)
    return np.where(drawn, values, np.nan)


RESAMPLED: Mapping[str, ResampledMetric] = {
    "auc_ovo": resampled_auc_ovo,
    "f1_macro": resampled_f1_macro,
    "accuracy": resampled_accuracy,
    "balanced_accuracy": resampled_balanced_accuracy,
    "sensitivity": resampled_sensitivity,
    "specificity": resampled_specificity,
    "ppv": resampled_ppv,
    "npv": resampled_npv,
}
"""Metrics of classification."""
RESAMPLED_ALL = (*RESAMPLED, *RESAMPLED_TASKS, *RESAMPLED_BY_NAMES)
"""Names of the metrics of any task."""
COMPARED = ("auc_ovo", "f1_macro", "accuracy")
"""What methods are compared by unless others are requested; any number of classes has them."""


def resampled_metric(metric: str, names: Sequence[str]) -> ResampledMetric:
    """A metric out of `RESAMPLED_ALL` for predictions whose columns, or classes, have these names: `Task.names`."""
    if metric in RESAMPLED_BY_NAMES:
        named = RESAMPLED_BY_NAMES[metric]
        return lambda target, predictions, counts: named(target, predictions, counts, names)
    return {**RESAMPLED, **RESAMPLED_TASKS}[metric]
