"""Tests of the difference between two methods that were trained and scored on the same splits.

Splits of one cohort share subjects, so their differences are not independent. The naive paired t-test takes them as if
they were and finds differences that are not there; the corrected one widens the variance for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from xdistill.errors import UserError

TestKind = Literal["corrected resampled t", "naive paired t (anticonservative)"]

# Differences of metrics are differences of numbers near one: what is smaller than this is rounding.
ROUNDING = 1e-12


@dataclass(frozen=True)
class TTest:
    """A two-sided t-test of a mean difference.

    Attributes:
        kind: which test; the naive one carries its warning in its name.
        difference: mean over splits, in the metric's unit.
        statistic: t; None where it is not defined.
        degrees: of freedom.
        p_value: two-sided; 1 where the test is not defined.
        interval: the differences that the test does not reject at 0.05, mean ± t(0.975) standard errors; None where
            the test is not defined. Of the corrected test it covers what it should, where the bootstrap's, which does
            not know that other training subjects would have made other networks, is too narrow.
        defined: False when all differences are the same, so that nothing tells how far they would scatter. A test that
            cannot be made supports no claim, hence the p-value of 1, however large the difference is.
    """

    kind: TestKind
    difference: float
    statistic: float | None
    degrees: int
    p_value: float
    interval: tuple[float, float] | None
    defined: bool


def corrected_resampled_t(differences: Sequence[float], test_share: float) -> TTest:
    """The corrected resampled t-test (Nadeau and Bengio 2003, Machine Learning 52, section 3).

    t = mean(d) / sqrt((1/n + n_test/n_train) s²), with s² the variance of the n differences (ddof 1) and n - 1 degrees
    of freedom. The correction is an approximation: it is made for splits drawn at random, and commonly used for
    repeated cross-validation (Bouckaert and Frank 2004).

    Args:
        differences: one per split, seeds already averaged within it; in the metric's unit.
        test_share: n_test / n_train; see `mean_test_share`.

    Raises:
        UserError: for fewer than two splits, or a share that is not above zero.
    """
    if not test_share > 0:
        raise UserError(f"the number of test subjects for each training subject must be above 0, got {test_share}")
    return _t_test("corrected resampled t", differences, test_share)


def naive_paired_t(differences: Sequence[float]) -> TTest:
    """The paired t-test over splits as if they were independent: t = mean(d) / sqrt(s² / n).

    Anticonservative: over the folds of cross-validation it rejects true null hypotheses too often, and the more so the
    more repeats there are (Dietterich 1998; Nadeau and Bengio 2003). It serves comparison with published numbers that
    were computed this way, and decides nothing.

    Raises:
        UserError: for fewer than two splits.
    """
    return _t_test("naive paired t (anticonservative)", differences, 0.0)


def mean_test_share(test_sizes: Sequence[int], train_sizes: Sequence[int]) -> float:
    """Test subjects for each training subject, averaged over splits: 1 / (folds - 1) for cross-validation."""
    return float(np.mean(np.asarray(test_sizes) / np.asarray(train_sizes)))


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """P-values adjusted for their number by Holm's step-down procedure (Holm 1979), in the order given.

    The i-th smallest of m becomes the largest of (m - j + 1) p_(j) over j up to i, and at most 1. A claim for every
    adjusted p-value below alpha is wrong anywhere with a probability of at most alpha, whatever depends on what.
    """
    values = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(values)
    adjusted = np.empty_like(values)
    adjusted[order] = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1)).clip(max=1.0)
    return tuple(map(float, adjusted))


def _t_test(kind: TestKind, differences: Sequence[float], extra: float) -> TTest:
    from scipy.special import stdtr, stdtrit

    values = np.asarray(differences, dtype=np.float64)
    if len(values) < 2:  # noqa: PLR2004 - a variance takes two
        raise UserError(
            f"a test needs the differences of at least two splits, but there is {len(values)}; run more folds or "
            f"repeats"
        )
    if not np.isfinite(values).all():
        raise UserError("a difference between two methods is not finite, so nothing can be tested")
    mean, spread, degrees = float(values.mean()), float(values.std(ddof=1)), len(values) - 1
    if spread <= ROUNDING:
        return TTest(kind, mean, None, degrees, 1.0, None, defined=False)
    error = spread * np.sqrt(1 / len(values) + extra)
    statistic = mean / error
    p_value = min(1.0, float(2 * stdtr(degrees, -abs(statistic))))
    half = float(stdtrit(degrees, 0.975) * error)
    return TTest(kind, mean, float(statistic), degrees, p_value, (mean - half, mean + half), defined=True)
