"""DeLong's test by hand, against a plain loop, and for patients with several subjects."""

import numpy as np
import pytest

from xdistill.stats.delong import delong

POSITIVE = np.array([True, True, True, False, False, False])
FIRST = np.array([0.9, 0.8, 0.4, 0.5, 0.3, 0.1])
SECOND = np.array([0.9, 0.3, 0.4, 0.5, 0.6, 0.1])


def test_by_hand():
    # Shares of negatives below each positive: first 1, 1, 2/3; second 1, 1/3, 1/3.
    # Shares of positives above each negative: first 2/3, 1, 1; second 1/3, 1/3, 1.
    found = delong(POSITIVE, FIRST, SECOND)
    assert found.areas == pytest.approx((8 / 9, 5 / 9))
    # Differences of the positives' shares: 0, 2/3, 1/3, variance 1/9; of the negatives' 1/3, 2/3, 0, variance 1/9.
    # The variance of the difference is 1/9 / 3 + 1/9 / 3 = 2/27.
    assert found.standard_error == pytest.approx(np.sqrt(2 / 27))
    assert found.difference == pytest.approx(1 / 3)
    assert found.interval == pytest.approx((1 / 3 - 1.959964 * np.sqrt(2 / 27), 1 / 3 + 1.959964 * np.sqrt(2 / 27)))
    # z = 1/3 / sqrt(2/27) = 1.2247; two-sided p of the normal distribution.
    assert found.p_value == pytest.approx(0.22067, abs=1e-5)


def plain(positive, first, second):
    """Variance of the difference, pair by pair (DeLong et al. 1988, equation 3)."""
    cases, controls = np.flatnonzero(positive), np.flatnonzero(~positive)
    wins = np.array(
        [
            [[(score[case] > score[control]) + (score[case] == score[control]) / 2 for control in controls]
             for case in cases]
            for score in (first, second)
        ]
    )  # fmt: skip
    of_case, of_control = wins.mean(axis=2), wins.mean(axis=1)
    covariance = np.cov(of_case) / len(cases) + np.cov(of_control) / len(controls)
    return covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]


def test_against_a_plain_loop_with_ties():
    generator = np.random.default_rng(0)
    positive = generator.random(60) < 0.4
    first, second = (np.round(positive + generator.normal(size=60), 1) for _ in range(2))
    found = delong(positive, first, second)
    assert found.standard_error**2 == pytest.approx(plain(positive, first, second))


def test_subjects_of_one_patient_are_not_independent():
    # Every subject twice, as two subjects of one patient, says no more than every subject once.
    once = delong(POSITIVE, FIRST, SECOND)
    names = [str(place) for place in range(6)] * 2
    twice = delong(np.tile(POSITIVE, 2), np.tile(FIRST, 2), np.tile(SECOND, 2), names)
    assert twice.standard_error == pytest.approx(once.standard_error)
    assert delong(np.tile(POSITIVE, 2), np.tile(FIRST, 2), np.tile(SECOND, 2)).standard_error < once.standard_error


def test_the_same_scores_do_not_differ():
    same = delong(POSITIVE, FIRST, 2 * FIRST)
    assert (same.difference, same.p_value) == (0, 1)


def test_one_patient_of_a_kind_is_too_few():
    assert delong(np.array([True, False, False]), np.arange(3.0), np.arange(3.0)) is None


@pytest.mark.parametrize(
    ("positive", "patients"),
    [
        ([True, True, True, False, False], ["a", "b", "c", "d", "d"]),  # one patient without the condition
        ([True, True, False, False, False], ["a", "a", "b", "c", "d"]),  # one with it
    ],
)
def test_one_patient_of_a_kind_has_no_variance(positive, patients):
    scores = np.array([0.9, 0.4, 0.7, 0.2, 0.5])
    assert delong(np.array(positive), scores, scores[::-1].copy(), patients) is None
