"""Differences between two methods over independent cohorts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xdistill.errors import UserError
from xdistill.stats.significance import ROUNDING

LEVEL = 0.95


@dataclass(frozen=True)
class PairedDifference:
    """A paired t-test over independent cohorts.

    Attributes:
        mean: of the differences, in the metric's unit.
        sd: standard deviation of the differences (ddof 1).
        interval: mean ± t(0.975) standard errors; None where all differences are the same.
        p_value: two-sided; 1 where all differences are the same, which supports no claim.
        count: number of cohorts.
    """

    mean: float
    sd: float
    interval: tuple[float, float] | None
    p_value: float
    count: int


def paired_difference(differences: Sequence[float]) -> PairedDifference:
    """The paired t-test of scipy: t = mean(d) / sqrt(s² / n), n - 1 degrees of freedom.

    Cohorts that share no subject, neither for training nor for testing, are independent, so the test needs none of the
    corrections of `corrected_resampled_t`.

    Args:
        differences: one per cohort, in the metric's unit.

    Raises:
        UserError: for fewer than two cohorts, or a difference that is not finite.
    """
    from scipy.stats import ttest_1samp

    values = np.asarray(differences, dtype=np.float64)
    if len(values) < 2:  # noqa: PLR2004 - a variance takes two
        raise UserError(f"a test needs two cohorts or more, and there is {len(values)}")
    if not np.isfinite(values).all():
        raise UserError("a difference between two methods is not finite, so nothing can be tested")
    mean, spread = float(values.mean()), float(values.std(ddof=1))
    if spread <= ROUNDING:
        return PairedDifference(mean, spread, None, 1.0, len(values))
    test = ttest_1samp(values, 0.0)
    low, high = test.confidence_interval(LEVEL)
    return PairedDifference(mean, spread, (float(low), float(high)), float(test.pvalue), len(values))
