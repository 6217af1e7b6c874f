"""Metrics of regression, ordinal, multi-label and survival tasks, of many resamples of a fold at once.

Each is the metric of the same name in `TASK_METRICS`, of subjects that are drawn ``counts`` times, ``(subjects,
resamples)``; NaN where it is not defined for the drawn subjects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xdistill.stats.areas import Counts, Floats, resampled_auc_ovo
from xdistill.stats.tasks.ordinal import predicted_grades
from xdistill.stats.tasks.resampled_survival import (
    resampled_concordance,
    resampled_integrated_brier,
    resampled_time_dependent_auc,
)

_LEAST = 1e-12  # variance, relative to the mean square, below which a target is constant


def resampled_mae(target: Floats, predictions: Floats, counts: Counts) -> Floats:
    """Mean absolute error ``(resamples,)``."""
    return _errors(target, predictions, counts, np.abs, lambda values: values)


def resampled_rmse(target: Floats, predictions: Floats, counts: Counts) -> Floats:
    """Root mean squared error ``(resamples,)``."""
    return _errors(target, predictions, counts, np.square, np.sqrt)


def resampled_r2(target: Floats, predictions: Floats, counts: Counts) -> Floats:
    """Coefficient of determination ``(resamples,)``, the mean over targets."""
    squared = _mean((target - predictions) ** 2, counts)
    result: Floats = (1 - squared / _variances(target, counts)).mean(axis=0)
    return result


def resampled_pearson(target: Floats, predictions: Floats, counts: Counts) -> Floats:
    """Pearson's correlation ``(resamples,)``, the mean over targets; 0 for constant predictions."""
    spread = _mean(predictions**2, counts) - _mean(predictions, counts) ** 2
    covariance = _mean(target * predictions, counts) - _mean(target, counts) * _mean(predictions, counts)
    lengths = np.sqrt(np.maximum(spread, 0) * _variances(target, counts))
    flat = spread <= _LEAST * np.maximum(_mean(predictions**2, counts), _LEAST)
    result: Floats = np.where(flat, 0.0, covariance / np.where(flat, 1.0, lengths)).mean(axis=0)
    return result


def resampled_qwk(target: NDArray[np.int64], probabilities: Floats, counts: Counts) -> Floats:
    """Quadratic weighted kappa ``(resamples,)``."""
    grades = probabilities.shape[1]
    predicted = predicted_grades(probabilities)
    observed = ((predicted - target) ** 2) @ counts
    wanted = np.eye(grades)[target].T @ counts  # (grades, resamples)
    given = np.eye(grades)[predicted].T @ counts
    weights = (np.arange(grades)[:, None] - np.arange(grades)[None, :]) ** 2
    chance = np.einsum("ar,ab,br->r", wanted, weights, given) / counts.sum(axis=0)
    single = (wanted > 0).sum(axis=0) == 1
    return np.where(single | (chance == 0), np.nan, 1 - observed / np.where(chance == 0, 1.0, chance))


def resampled_grade_error(target: NDArray[np.int64], probabilities: Floats, counts: Counts) -> Floats:
    """Mean absolute error in grades ``(resamples,)``."""
    result: Floats = _mean(np.abs(predicted_grades(probabilities) - target)[:, None], counts)[0]
    return result


def resampled_grade_accuracy(target: NDArray[np.int64], probabilities: Floats, counts: Counts) -> Floats:
    """Share of drawn subjects whose predicted grade is the right one, ``(resamples,)``."""
    result: Floats = _mean((predicted_grades(probabilities) == target).astype(np.float64)[:, None], counts)[0]
    return result


def resampled_label_auc(target: NDArray[np.int64], probabilities: Floats, counts: Counts) -> Floats:
    """Mean AUC ``(resamples,)`` of the labels of which the subjects drawn have both kinds."""
    return _mean_of_labels(target, probabilities, counts, _area)


def resampled_exact_match(target: NDArray[np.int64], probabilities: Floats, counts: Counts) -> Floats:
    """Share of drawn subjects whose labels are all predicted right, ``(resamples,)``."""
    right = ((probabilities >= 0.5) == target).all(axis=1)  # noqa: PLR2004 - more likely than not
    result: Floats = _mean(right.astype(np.float64)[:, None], counts)[0]
    return result


def resampled_label_brier(target: NDArray[np.int64], probabilities: Floats, counts: Counts) -> Floats:
    """Mean squared distance of probability and label, ``(resamples,)``."""
    result: Floats = _mean(((probabilities - target) ** 2).mean(axis=1)[:, None], counts)[0]
    return result


def resampled_average_precision(target: NDArray[np.int64], probabilities: Floats, counts: Counts) -> Floats:
    """Mean average precision ``(resamples,)`` of the labels of which the subjects drawn have both kinds."""
    return _mean_of_labels(target, probabilities, counts, _average_precision)


def resampled_label_f1(target: NDArray[np.int64], probabilities: Floats, counts: Counts) -> Floats:
    """Mean over labels of F1 ``(resamples,)``; a label that is neither there nor predicted counts as zero."""
    wanted, predicted = target == 1, probabilities >= 0.5  # noqa: PLR2004 - more likely than not
    hits = (wanted & predicted).astype(np.float64).T @ counts
    size = (wanted.astype(np.float64) + predicted).T @ counts
    result: Floats = (2 * hits / np.maximum(size, 1)).mean(axis=0)
    return result


RESAMPLED_TASKS: Mapping[str, Callable[[Any, Floats, Counts], Floats]] = {
    "mae": resampled_mae,
    "rmse": resampled_rmse,
    "r2": resampled_r2,
    "pearson": resampled_pearson,
    "qwk": resampled_qwk,
    "grade_mae": resampled_grade_error,
    "grade_accuracy": resampled_grade_accuracy,
    "label_auc": resampled_label_auc,
    "label_ap": resampled_average_precision,
    "label_f1": resampled_label_f1,
    "exact_match": resampled_exact_match,
    "label_brier": resampled_label_brier,
    "concordance": resampled_concordance,
    "time_dependent_auc": resampled_time_dependent_auc,
}
RESAMPLED_BY_NAMES: Mapping[str, Callable[[Any, Floats, Counts, Sequence[str]], Floats]] = {
    "integrated_brier": resampled_integrated_brier,
}
"""Metrics that also get the names of the predictions' columns."""


def _mean(values: Floats, counts: Counts) -> Floats:
    """Of columns ``(subjects, columns)`` to ``(columns, resamples)``."""
    means: Floats = values.T @ counts / counts.sum(axis=0)
    return means


def _variances(target: Floats, counts: Counts) -> Floats:
    """Of each target in each resample ``(targets, resamples)``; NaN where it is constant."""
    centred = target - target.mean(axis=0)
    found = _mean(centred**2, counts) - _mean(centred, counts) ** 2
    return np.where(found > _LEAST * max(float((centred**2).mean()), _LEAST), found, np.nan)


def _errors(
    target: Floats,
    predictions: Floats,
    counts: Counts,
    size: Callable[[Floats], Floats],
    undo: Callable[[Floats], Floats],
) -> Floats:
    """Of several targets each in standard deviations, as `xdistill.stats.tasks.regression` has it."""
    means = undo(_mean(size(target - predictions), counts))
    result: Floats = means[0] if len(means) == 1 else (means / np.sqrt(_variances(target, counts))).mean(axis=0)
    return result


def _mean_of_labels(
    target: NDArray[np.int64],
    probabilities: Floats,
    counts: Counts,
    metric: Callable[[NDArray[np.int64], Floats, Counts], Floats],
) -> Floats:
    """Mean over the labels of which a resample has both kinds; NaN where it has none such."""
    found = np.stack([metric(*columns, counts) for columns in zip(target.T, probabilities.T, strict=True)])
    there = ~np.isnan(found)
    means: Floats = np.divide(
        np.where(there, found, 0).sum(axis=0),
        there.sum(axis=0),
        out=np.full(counts.shape[1], np.nan),
        where=there.any(axis=0),
    )
    return means


def _area(wanted: NDArray[np.int64], probability: Floats, counts: Counts) -> Floats:
    return resampled_auc_ovo(wanted, np.stack([1 - probability, probability], axis=1), counts)


def _average_precision(wanted: NDArray[np.int64], probability: Floats, counts: Counts) -> Floats:
    """Sum over the thresholds, from high to low, of precision times the recall that is gained."""
    order = np.argsort(-probability, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(probability[order]) != 0, True))
    found, all_found = (
        (counts[order] * rows[order, None]).cumsum(axis=0)[ends] for rows in (wanted == 1, np.ones(len(wanted)))
    )
    gained = np.diff(found, axis=0, prepend=0)
    precision = np.divide(found, all_found, out=np.zeros_like(found), where=all_found > 0)
    both = (found[-1] > 0) & (found[-1] < all_found[-1])
    return np.where(both, (gained * precision).sum(axis=0) / np.maximum(found[-1], 1), np.nan)
