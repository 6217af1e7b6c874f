"""Probabilities of one class against the others: calibration, decision curve, operating point.

``positive`` says who is of the class ``(subjects,)``, ``probability`` what was predicted ``(subjects,)``, ``counts``
how often each subject is drawn ``(subjects, resamples)``. Results are ``(resamples,)``, NaN where they are not defined.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xdistill.stats.areas import Counts, Floats
from xdistill.stats.weighted import ratio

SMALLEST = 1e-6  # probability whose log odds are taken
STEPS = 50  # of Newton's method
CONVERGED = 1e-9
LONGEST = 2.0  # step

Flags = NDArray[np.bool_]


def calibration_line(positive: Flags, probability: Floats, counts: Counts) -> tuple[Floats, Floats]:
    """Slope and intercept of the calibration (Cox 1958; Van Calster et al. 2019).

    The slope is that of the logistic regression of the outcome on the log odds of the probability; 1 is ideal, below it
    predictions are too extreme. The intercept is that of the same regression with the slope held at 1, calibration in
    the large: 0 is ideal, below it probabilities are too high.
    """
    odds = _log_odds(probability)
    both = (counts[positive].sum(axis=0) > 0) & (counts[~positive].sum(axis=0) > 0)
    intercept = np.where(both, _shift(positive, odds, counts), np.nan)
    slope = np.where(both & ~_separated(positive, odds, counts), _slope(positive, odds, counts), np.nan)
    return slope, intercept


def net_benefit(positive: Flags, probability: Floats, counts: Counts, threshold: float) -> Floats:
    """Net benefit of treating those with at least this probability (Vickers and Elkin 2006).

    True positives minus false positives times ``threshold / (1 - threshold)``, per subject.
    """
    treated = probability >= threshold
    benefit = (treated & positive) - (treated & ~positive) * (threshold / (1 - threshold))
    return ratio(benefit.astype(np.float64) @ counts, counts.sum(axis=0))


def net_benefit_of_all(positive: Flags, counts: Counts, threshold: float) -> Floats:
    """Net benefit of treating all; of treating no subject it is 0."""
    return net_benefit(positive, np.ones(len(positive)), counts, threshold)


@dataclass(frozen=True)
class AtThreshold:
    """Shares at an operating point, each ``(resamples,)``."""

    sensitivity: Floats
    specificity: Floats
    positive_predictive_value: Floats
    negative_predictive_value: Floats


def at_threshold(positive: Flags, probability: Floats, counts: Counts, threshold: float) -> AtThreshold:
    """Sensitivity, specificity and predictive values; subjects with at least the threshold are positive."""
    called = probability >= threshold
    true, false = _sum(called & positive, counts), _sum(called & ~positive, counts)
    missed, cleared = _sum(~called & positive, counts), _sum(~called & ~positive, counts)
    return AtThreshold(
        ratio(true, true + missed),
        ratio(cleared, cleared + false),
        ratio(true, true + false),
        ratio(cleared, cleared + missed),
    )


def reliability_bins(
    positive: Flags, probability: Floats, *, bins: int = 10
) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Mean probability, share of positives and number of subjects in bins of equal width; NaN where a bin is empty."""
    index = np.minimum((probability * bins).astype(np.int64), bins - 1)
    count = np.bincount(index, minlength=bins)
    total = np.bincount(index, weights=probability, minlength=bins).astype(np.float64)
    positives = np.bincount(index, weights=positive, minlength=bins).astype(np.float64)
    size = count.astype(np.float64)
    return ratio(total, size), ratio(positives, size), count.astype(np.int64)


def _sum(rows: Flags, counts: Counts) -> Floats:
    return rows.astype(np.float64) @ counts


def _log_odds(probability: Floats) -> Floats:
    inside = np.clip(probability, SMALLEST, 1 - SMALLEST)
    result: Floats = np.log(inside / (1 - inside))
    return result


def _shift(positive: Flags, odds: Floats, counts: Counts) -> Floats:
    """What has to be added to all log odds so that their mean probability is the share of positives."""
    shift = np.zeros(counts.shape[1])
    for _ in range(STEPS):
        mean = _probability(shift + odds[:, None])
        residual = (counts * (positive[:, None] - mean)).sum(axis=0)
        step = ratio(residual, (counts * mean * (1 - mean)).sum(axis=0))
        shift += _bounded(step)
        if not (np.abs(step) > CONVERGED).any():
            break
    return np.where(np.abs(step) > CONVERGED, np.nan, shift)


def _slope(positive: Flags, odds: Floats, counts: Counts) -> Floats:
    """Slope of the logistic regression on the log odds, by Newton's method; NaN where it does not converge."""
    spread = float(odds.std())
    if spread == 0:
        return np.full(counts.shape[1], np.nan)
    scaled = (odds - odds.mean()) / spread
    intercept, slope, size = np.zeros(counts.shape[1]), np.full(counts.shape[1], spread), np.zeros(counts.shape[1])
    for _ in range(STEPS):
        mean = _probability(intercept + scaled[:, None] * slope)
        residual, weight = counts * (positive[:, None] - mean), counts * mean * (1 - mean)
        first, second = residual.sum(axis=0), scaled @ residual
        a, b, c = weight.sum(axis=0), scaled @ weight, (scaled**2) @ weight
        determinant = a * c - b * b
        steps = ratio(c * first - b * second, determinant), ratio(a * second - b * first, determinant)
        intercept, slope = intercept + _bounded(steps[0]), slope + _bounded(steps[1])
        size = np.maximum(np.abs(steps[0]), np.abs(steps[1]))
        if not (size > CONVERGED).any():
            break
    return np.where(size > CONVERGED, np.nan, slope / spread)


def _probability(odds: Floats) -> Floats:
    result: Floats = 1 / (1 + np.exp(-np.clip(odds, -700, 700)))
    return result


def _bounded(step: Floats) -> Floats:
    """A step of Newton's method that does not jump to where the likelihood is flat."""
    result: Floats = np.clip(step, -LONGEST, LONGEST)
    return result


def _separated(positive: Flags, odds: Floats, counts: Counts) -> NDArray[np.bool_]:
    """Where a threshold divides the drawn subjects without an error: the slope has no finite optimum then."""
    drawn, column = counts > 0, odds[:, None]
    low, high = np.where(drawn, column, np.inf), np.where(drawn, column, -np.inf)

    def above(one: Flags, other: Flags) -> NDArray[np.bool_]:
        result: NDArray[np.bool_] = low[one].min(axis=0, initial=np.inf) >= high[other].max(axis=0, initial=-np.inf)
        return result

    return above(positive, ~positive) | above(~positive, positive)
