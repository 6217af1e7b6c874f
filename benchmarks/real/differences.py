"""The mean gain over training parts, with an interval and a p-value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from xdistill.stats import corrected_resampled_t
from xdistill.stats.areas import resampled_auc_ovo

Floats = NDArray[np.float64]
RESAMPLES = 100


@dataclass(frozen=True)
class Gain:
    """A mean gain in macro AUC, from 0 to 1.

    Attributes:
        mean: over the training parts.
        interval: of 95 %.
        p_value: two-sided.
    """

    mean: float
    interval: tuple[float, float]
    p_value: float


def gain_of_parts(differences: Floats, shared: float) -> Gain:
    """Gain over disjoint training parts that are tested on the same subjects, for new parts and new test subjects.

    Training parts are what readers are in studies of several readers and cases. After Obuchowski and Rockette 1995, the
    variance of the mean is ``s² / parts + shared``, and after Hillis 2007 it has
    ``(s² / parts + shared)² / ((s² / parts)² / (parts - 1))`` degrees of freedom. With ``shared`` at zero this is the
    paired t-test, which speaks of these test subjects alone.

    Args:
        differences: one a part.
        shared: covariance of the differences of two parts that comes from their common test subjects; below zero
            counts as zero.
    """
    count = len(differences)
    own = float(differences.var(ddof=1)) / count
    variance = own + max(shared, 0.0)
    degrees = variance**2 / (own**2 / (count - 1))
    mean, error = float(differences.mean()), variance**0.5
    half = float(t.ppf(0.975, degrees)) * error
    return Gain(mean, (mean - half, mean + half), float(2 * t.sf(abs(mean) / error, degrees)))


def gain_of_halves(differences: Floats) -> Gain:
    """Gain over halves that are drawn again and again, by the corrected resampled t-test."""
    found = corrected_resampled_t(differences.tolist(), 1.0)
    assert found.interval is not None
    return Gain(found.difference, found.interval, found.p_value)


def resampled(target: NDArray[np.int64], outputs: Floats) -> Floats:
    """Macro AUC of every part on the same resamples of its test subjects, ``(parts, resamples)``.

    Args:
        target: classes of the test subjects, ``(test,)``.
        outputs: probabilities ``(parts, test, classes)``.
    """
    counts = _counts(target)
    return np.stack([resampled_auc_ovo(target, one, counts) for one in outputs])


def shared_covariance(method: Floats, reference: Floats) -> float:
    """Mean covariance of the differences of two training parts over resamples of their test subjects.

    Args:
        method: of `resampled`.
        reference: likewise.
    """
    covariance = np.cov(method - reference)
    return float(covariance[~np.eye(len(covariance), dtype=bool)].mean())


def _counts(target: NDArray[np.int64]) -> Floats:
    """How often each test subject is drawn, within its class, ``(test, resamples)``."""
    generator = np.random.default_rng(0)
    counts = np.zeros((len(target), RESAMPLES))
    for label in np.unique(target):
        members = np.flatnonzero(target == label)
        counts[members] = generator.multinomial(len(members), np.full(len(members), 1 / len(members)), RESAMPLES).T
    return counts
