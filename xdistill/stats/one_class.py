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
LARGEST = 1e3  # slope or intercept of subjects that a threshold separates without an error: there is none

Flags = NDArray[np.bool_]


def calibration_line(positive: Flags, probability: Floats, counts: Counts) -> tuple[Floats, Floats]:
    """Slope and intercept of the calibration (Cox 1958; Van Calster et al. 2019).

    The slope is that of the logistic regression of the outcome on the log odds of the probability; 1 is ideal, below it
    predictions are too extreme. The intercept is that of the same regression with the slope held at 1, calibration in
    the large: 0 is ideal, below it probabilities are too high.
    """
    odds = _log_odds(probability)
    _, slope = _newton(positive, odds, counts, offset=False)
    intercept, _ = _newton(positive, odds, counts, offset=True)
    return slope, intercept


def net_benefit(positive: Flags, probability: Floats, counts: Counts, threshold: float) -> Floats:
    """Net benefit of treating whoever has at least this probability (Vickers and Elkin 2006).

    True positives minus false positives times ``threshold / (1 - threshold)``, per subject.
    """
    treated = probability >= threshold
    benefit = (treated & positive) - (treated & ~positive) * (threshold / (1 - threshold))
    return ratio(benefit.astype(np.float64) @ counts, counts.sum(axis=0))


def net_benefit_of_all(positive: Flags, counts: Counts, threshold: float) -> Floats:
    """Net benefit of treating everybody; of treating nobody it is 0."""
    return net_benefit(positive, np.ones(len(positive)), counts, threshold)


@dataclass(frozen=True)
class AtThreshold:
    """Shares at an operating point, each ``(resamples,)``."""

    sensitivity: Floats
    specificity: Floats
    positive_predictive_value: Floats
    negative_predictive_value: Floats


def at_threshold(positive: Flags, probability: Floats, counts: Counts, threshold: float) -> AtThreshold:
    """Sensitivity, specificity and predictive values; who has at least the threshold is called positive."""
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
    mean = ratio(np.bincount(index, weights=probability, minlength=bins), count.astype(np.float64))
    share = ratio(np.bincount(index, weights=positive, minlength=bins), count.astype(np.float64))
    return mean, share, count.astype(np.int64)


def _sum(rows: Flags, counts: Counts) -> Floats:
    return rows.astype(np.float64) @ counts


def _log_odds(probability: Floats) -> Floats:
    inside = np.clip(probability, SMALLEST, 1 - SMALLEST)
    result: Floats = np.log(inside / (1 - inside))
    return result


def _newton(positive: Flags, odds: Floats, counts: Counts, *, offset: bool) -> tuple[Floats, Floats]:
    """Intercept and slope of logistic regressions, one per resample, by Newton's method with halved steps.

    Args:
        positive: outcome.
        odds: the only input, ``(subjects,)``.
        counts: weights.
        offset: hold the slope at 1.
    """
    intercept, slope = np.zeros(counts.shape[1]), np.ones(counts.shape[1])
    outcome = positive.astype(np.float64)[:, None]
    for _ in range(STEPS):
        linear = np.clip(intercept + odds[:, None] * slope, -700, 700)
        mean = 1 / (1 + np.exp(-linear))
        residual, weight = counts * (outcome - mean), counts * mean * (1 - mean)
        first, second = residual.sum(axis=0), odds @ residual
        a, b, c = weight.sum(axis=0), odds @ weight, (odds**2) @ weight
        if offset:
            steps = ratio(first, a), np.zeros_like(slope)
        else:
            determinant = a * c - b * b
            steps = ratio(c * first - b * second, determinant), ratio(a * second - b * first, determinant)
        size = np.maximum(1.0, np.maximum(np.abs(steps[0]), np.abs(steps[1])) / 2)
        intercept, slope = intercept + steps[0] / size, slope + steps[1] / size
        if not (np.maximum(np.abs(steps[0]), np.abs(steps[1])) > CONVERGED).any():
            break
    wrong = (np.abs(intercept) > LARGEST) | (np.abs(slope) > LARGEST)
    both = (counts[positive].sum(axis=0) > 0) & (counts[~positive].sum(axis=0) > 0)
    defined = both & ~wrong
    return np.where(defined, intercept, np.nan), np.where(defined, slope, np.nan)
