"""Paired differences over independent cohorts."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ttest_rel

from xdistill.errors import UserError
from xdistill.stats.independent import paired_difference


def test_by_hand():
    """1, 2, 3: mean 2, sd 1, standard error 1/sqrt(3), t(0.975; 2) = 4.302653."""
    found = paired_difference([1, 2, 3])
    assert (found.mean, found.sd, found.count) == (2, 1, 3)
    assert found.interval == pytest.approx((2 - 4.302653 / 3**0.5, 2 + 4.302653 / 3**0.5), abs=1e-6)


def test_it_is_the_paired_test_of_scipy():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 20))
    found = paired_difference(list(first - second))
    assert found.p_value == pytest.approx(ttest_rel(first, second).pvalue)


def test_equal_differences_support_no_claim():
    found = paired_difference([0.25, 0.25])
    assert (found.interval, found.p_value) == (None, 1.0)


@pytest.mark.parametrize(("values", "message"), [([1.0], "two cohorts or more"), ([1.0, float("nan")], "not finite")])
def test_what_cannot_be_tested_is_refused(values, message):
    with pytest.raises(UserError, match=message):
        paired_difference(values)
