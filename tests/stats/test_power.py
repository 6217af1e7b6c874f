"""Power of the corrected resampled t-test."""

import numpy as np
import pytest

from xdistill.errors import UserError
from xdistill.stats import corrected_resampled_t
from xdistill.stats.power import power_of_corrected_t, smallest_difference, smallest_difference_of_interval


def test_without_overlap_it_is_the_power_of_the_paired_t_test():
    # G*Power: two-sided paired t-test, effect size 1, 10 pairs: 0.8031; effect size 0.5, 34 pairs: 0.8078.
    assert power_of_corrected_t(1.0, 1.0, splits=10, test_share=0.0) == pytest.approx(0.8031, abs=1e-4)
    assert power_of_corrected_t(-0.5, 1.0, splits=34, test_share=0.0) == pytest.approx(0.8078, abs=1e-4)


def test_without_a_difference_it_is_the_level_of_the_test():
    assert power_of_corrected_t(0.0, 0.05, splits=50, test_share=0.25) == pytest.approx(0.05)
    assert power_of_corrected_t(0.0, 0.05, splits=5, test_share=0.25, alpha=0.01) == pytest.approx(0.01)


def test_it_is_the_rate_at_which_the_test_rejects():
    # Differences with the correlation that the test assumes: rho / (1 - rho) = n_test / n_train.
    generator = np.random.default_rng(0)
    common, own = generator.normal(size=(4000, 1)), generator.normal(size=(4000, 10))
    differences = 1.0 + np.sqrt(0.2) * common + np.sqrt(0.8) * own
    rejected = [corrected_resampled_t(row.tolist(), 0.25).p_value < 0.05 for row in differences]
    # The deviation over splits is what is left within a study.
    expected = power_of_corrected_t(1.0, np.sqrt(0.8), splits=10, test_share=0.25)
    assert np.mean(rejected) == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize(("splits", "share"), [(5, 0.25), (50, 0.25), (2, 1.0), (8, 0.0)])
def test_the_smallest_difference_has_the_power(splits, share):
    found = smallest_difference(0.04, splits=splits, test_share=share)
    assert power_of_corrected_t(found, 0.04, splits=splits, test_share=share) == pytest.approx(0.8)


def test_ten_repeats_show_smaller_differences_than_one():
    one, ten = (smallest_difference(0.05, splits=splits, test_share=0.25) for splits in (5, 50))
    assert (one, ten) == pytest.approx((0.12615, 0.07425), abs=1e-5)


def test_of_an_interval():
    assert smallest_difference_of_interval(0.01) == pytest.approx(0.01 * (1.959964 + 0.841621))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"splits": 1}, "two or more splits"),
        ({"deviation": 0.0}, "has to be above 0"),
        ({"power": 0.04}, "the power has to be above 0.05"),
    ],
)
def test_invalid_arguments(options, message):
    with pytest.raises(UserError, match=message):
        smallest_difference(**{"deviation": 0.1, "splits": 5, "test_share": 0.25, **options})
