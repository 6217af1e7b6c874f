"""Tests of differences against values worked out by hand and against other people's code."""

import numpy as np
import pytest
from scipy import stats

from xdistill.errors import UserError
from xdistill.stats import corrected_resampled_t, holm, mean_test_share, naive_paired_t, paper_compat

DIFFERENCES = (0.02, 0.04, 0.00, 0.06, 0.03)  # mean .03, squares about it 1 + 1 + 9 + 9 + 0 = 20e-4: variance 5e-4


def test_corrected_by_hand():
    found = corrected_resampled_t(DIFFERENCES, 0.25)
    # t = .03 / sqrt((1/5 + 1/4) 5e-4) = .03 / .015
    assert found.difference == pytest.approx(0.03)
    assert found.statistic == pytest.approx(2.0)
    assert found.degrees == 4
    # Of Student's t with 4 degrees of freedom: P(|t| > 2) = 1 - (2/sqrt(8)) (1 + 1/4) ... = 0.1161 (tables: 0.116).
    assert found.p_value == pytest.approx(0.11612, abs=1e-5)
    # Student's t with 4 degrees of freedom has its 97.5 % point at 2.776 (tables); the standard error is .015.
    assert found.interval == pytest.approx((0.03 - 2.776 * 0.015, 0.03 + 2.776 * 0.015), abs=1e-5)
    assert found.defined
    assert "anticonservative" not in found.kind


def test_naive_by_hand_and_against_scipy():
    found = naive_paired_t(DIFFERENCES)
    assert found.statistic == pytest.approx(3.0)  # .03 / sqrt(5e-4 / 5)
    expected = stats.ttest_1samp(DIFFERENCES, 0)
    assert (found.statistic, found.p_value) == pytest.approx((expected.statistic, expected.pvalue))
    assert found.interval == pytest.approx(tuple(expected.confidence_interval(0.95)))
    assert "anticonservative" in found.kind


def test_two_sided():
    up, down = (corrected_resampled_t(np.multiply(DIFFERENCES, sign).tolist(), 0.25) for sign in (1, -1))
    assert up.p_value == down.p_value
    assert up.statistic == -down.statistic


@pytest.mark.parametrize(("runs", "folds"), [(1, 5), (10, 5), (3, 10)])
def test_the_variance_is_that_of_baycomp(runs, folds):
    baycomp = pytest.importorskip("baycomp")
    generator = np.random.default_rng(runs)
    first, second = generator.uniform(0.6, 0.8, (2, runs * folds))
    posterior = baycomp.CorrelatedTTest(first, second, runs=runs)
    found = corrected_resampled_t((second - first).tolist(), 1 / (folds - 1))
    assert found.difference == pytest.approx(posterior.mean)
    assert (found.difference / found.statistic) ** 2 == pytest.approx(posterior.var)
    assert found.degrees == posterior.df
    assert found.p_value == pytest.approx(2 * min(posterior.probs()))


@pytest.mark.parametrize("test", [naive_paired_t, lambda values: corrected_resampled_t(values, 0.25)])
@pytest.mark.parametrize("value", [0.0, 0.05, -0.3, 0.1 + 0.2])
def test_equal_differences_support_no_claim(test, value):
    found = test([value] * 5)
    assert (found.statistic, found.p_value, found.interval, found.defined) == (None, 1.0, None, False)
    assert found.difference == pytest.approx(value)


def test_differences_that_are_equal_but_for_rounding():
    values = [0.7 - 0.65, 0.6 - 0.55, 0.9 - 0.85]
    assert len(set(values)) > 1
    assert not corrected_resampled_t(values, 0.5).defined


@pytest.mark.parametrize("values", [[], [0.1]])
def test_one_split_is_refused(values):
    with pytest.raises(UserError, match=rf"at least two splits, but there is {len(values)}; run more folds"):
        corrected_resampled_t(values, 0.25)
    with pytest.raises(UserError, match="at least two splits"):
        naive_paired_t(values)


def test_other_input_that_cannot_be_tested():
    with pytest.raises(UserError, match="above 0, got 0"):
        corrected_resampled_t(DIFFERENCES, 0)
    with pytest.raises(UserError, match="above 0, got nan"):
        corrected_resampled_t(DIFFERENCES, float("nan"))
    with pytest.raises(UserError, match="not finite"):
        corrected_resampled_t([0.1, float("nan")], 0.25)


def test_share_of_test_subjects():
    assert mean_test_share([54] * 5, [216] * 5) == 0.25
    assert mean_test_share([10, 20], [20, 10]) == pytest.approx(1.25)


def test_holm_by_hand():
    # Sorted: .01 x 4, .02 x 3, .03 x 2, .04 x 1, each at least as large as the one before: .04, .06, .06, .06.
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx((0.06, 0.04, 0.06, 0.06))
    assert holm([0.6, 0.7]) == (1.0, 1.0)
    assert holm([0.2]) == (0.2,)
    assert holm([]) == ()


def test_holm_with_equal_p_values_and_a_step_back():
    # Sorted: .01 x 5, .01 x 4, .02 x 3, .04 x 2, .9 x 1; the second may not fall below the first.
    assert holm([0.02, 0.01, 0.9, 0.01, 0.04]) == pytest.approx((0.06, 0.05, 0.9, 0.05, 0.08))
    assert holm([0.5, 0.3, 0.2]) == pytest.approx((0.6, 0.6, 0.6))


def test_what_a_paper_of_five_folds_prints():
    found = paper_compat(DIFFERENCES)
    assert found is not None
    assert found.statistic == pytest.approx(3.0)
    assert "anticonservative" in found.kind
    assert paper_compat([0.1]) is None
