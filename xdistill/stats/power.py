"""Power of the comparisons: how likely a difference of a given size is to be found, and the smallest that is.

The corrected resampled t-test (Nadeau and Bengio 2003) takes ``(1/n + n_test/n_train) s²`` as the variance of the mean
of n differences. If that is right, its statistic has a noncentral t distribution under the alternative.
docs/statistics.md compares the formula with a simulation.
"""

from __future__ import annotations

import numpy as np

from xdistill.errors import UserError

ALPHA = 0.05
POWER = 0.8


def power_of_corrected_t(
    difference: float, deviation: float, *, splits: int, test_share: float, alpha: float = ALPHA
) -> float:
    """The probability that the two-sided corrected resampled t-test rejects, 0 to 1.

    Args:
        difference: the true one, in the metric's unit.
        deviation: standard deviation over splits of the difference, in the metric's unit.
        splits: number of splits, folds times repeats.
        test_share: test subjects for each training subject; 1 / (folds - 1) for cross-validation. 0: independent
            differences, as of fresh cohorts; the test is then the paired t-test.
        alpha: level of the test.

    Raises:
        UserError: for fewer than two splits, or a deviation that is not above 0.
    """
    _check(deviation, splits)
    return _power(abs(difference) / (deviation * np.sqrt(1 / splits + test_share)), splits - 1, alpha)


def smallest_difference(
    deviation: float, *, splits: int, test_share: float, power: float = POWER, alpha: float = ALPHA
) -> float:
    """The smallest true difference that the corrected resampled t-test finds with the given power.

    Args:
        deviation: as for `power_of_corrected_t`.
        splits: likewise.
        test_share: likewise.
        power: the probability, above ``alpha`` and below 1.
        alpha: level of the test.

    Returns:
        In the metric's unit.

    Raises:
        UserError: for fewer than two splits, a deviation that is not above 0, or a power out of range.
    """
    from scipy.optimize import brentq

    _check(deviation, splits)
    if not alpha < power < 1:
        raise UserError(f"the power has to be above {alpha} and below 1, and is {power}")
    upper = 1.0
    while _power(upper, splits - 1, alpha) < power:
        upper *= 2
    wanted = brentq(lambda shift: _power(shift, splits - 1, alpha) - power, 0.0, upper, xtol=1e-9)
    return float(wanted * deviation * np.sqrt(1 / splits + test_share))


def smallest_difference_of_interval(error: float, *, power: float = POWER, alpha: float = ALPHA) -> float:
    """The smallest true difference whose normal interval excludes zero with the given power: ``(z₁ + z₂) error``.

    For a single test set, where there are no splits to compare.

    Args:
        error: standard error of the difference, in the metric's unit.
        power: the probability.
        alpha: 1 - level of the interval.
    """
    from scipy.special import ndtri

    return float((ndtri(1 - alpha / 2) + ndtri(power)) * error)


def _power(shift: float, degrees: int, alpha: float) -> float:
    """Of a two-sided t-test whose statistic is shifted by ``shift`` standard errors."""
    from scipy.integrate import quad
    from scipy.special import chdtri, ndtr, stdtrit

    bound = stdtrit(degrees, 1 - alpha / 2)

    def rejected(level: float) -> float:
        """Given the estimated variance, at a quantile of its distribution."""
        scaled = bound * np.sqrt(chdtri(degrees, level) / degrees)
        return float(ndtr(shift - scaled) + ndtr(-shift - scaled))

    return float(quad(rejected, 0.0, 1.0)[0])  # the noncentral t of scipy fails for few degrees of freedom


def _check(deviation: float, splits: int) -> None:
    if splits < 2:  # noqa: PLR2004 - a variance takes two
        raise UserError(f"a test needs two or more splits, and there is {splits}; run more folds or repeats")
    if not deviation > 0:
        raise UserError(f"the standard deviation of the difference has to be above 0, and is {deviation}")
