"""Calibration line, net benefit and operating points, by hand and against scikit-learn."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from xdistill.stats import one_class
from xdistill.stats.metrics import METRICS
from xdistill.stats.one_class import at_threshold, calibration_line, net_benefit, net_benefit_of_all, reliability_bins
from xdistill.stats.weighted import WEIGHTED, auc_of_class, bin_error

ONCE = np.ones((100, 1))


def drawn(seed=0, subjects=100):
    generator = np.random.default_rng(seed)
    probability = generator.uniform(0.02, 0.98, subjects)
    return generator.random(subjects) < probability, probability


def test_slope_and_intercept_are_those_of_a_logistic_regression():
    positive, probability = drawn()
    odds = np.log(probability / (1 - probability))
    slope, intercept = calibration_line(positive, probability, ONCE)
    fitted = LogisticRegression(C=np.inf, tol=1e-10).fit(odds[:, None], positive)
    assert slope[0] == pytest.approx(fitted.coef_[0, 0], rel=1e-4)
    # In the large: where the mean of the shifted probabilities is the share of positives.
    assert (1 / (1 + np.exp(-odds - intercept[0]))).mean() == pytest.approx(positive.mean())


def test_probabilities_of_log_odds_twice_as_large_have_half_the_slope():
    positive, probability = drawn()
    extreme = 1 / (1 + ((1 - probability) / probability) ** 2)
    assert calibration_line(positive, extreme, ONCE)[0] == pytest.approx(
        calibration_line(positive, probability, ONCE)[0] / 2
    )


def test_resamples_are_subjects_drawn_again():
    positive, probability = drawn()
    rows = np.random.default_rng(1).integers(0, 100, 100)
    counts = np.bincount(rows, minlength=100).astype(float)[:, None]
    for figure in (
        lambda p, q, c: np.stack(calibration_line(p, q, c)),
        lambda p, q, c: net_benefit(p, q, c, 0.3),
        lambda p, q, c: bin_error(q, p.astype(float), c),
        lambda p, q, c: np.stack(list(vars(at_threshold(p, q, c, 0.4)).values())),
    ):
        assert figure(positive, probability, counts) == pytest.approx(figure(positive[rows], probability[rows], ONCE))


def test_no_line_without_both_kinds_or_where_a_threshold_separates_them():
    positive, probability = np.array([True] * 3 + [False] * 3), np.array([0.9, 0.8, 0.7, 0.3, 0.2, 0.1])
    once = np.ones((6, 1))
    assert np.isnan(calibration_line(np.ones(6, dtype=bool), probability, once)).all()
    slope, intercept = calibration_line(positive, probability, once)
    assert np.isnan(slope).all()
    assert intercept == pytest.approx(0, abs=1e-9)


def test_net_benefit_by_hand():
    # At 0.25, 3 of 5 are treated: 2 true, 1 false; (2 - 1 * 0.25 / 0.75) / 5.
    positive = np.array([True, True, True, False, False])
    probability = np.array([0.9, 0.25, 0.1, 0.6, 0.2])
    assert net_benefit(positive, probability, np.ones((5, 1)), 0.25) == pytest.approx((2 - 1 / 3) / 5)
    assert net_benefit_of_all(positive, np.ones((5, 1)), 0.25) == pytest.approx((3 - 2 / 3) / 5)


def test_rates_by_hand():
    positive = np.array([True, True, True, False, False])
    found = at_threshold(positive, np.array([0.9, 0.5, 0.1, 0.6, 0.2]), np.ones((5, 1)), 0.5)
    assert found.sensitivity == pytest.approx(2 / 3)
    assert found.specificity == pytest.approx(1 / 2)
    assert found.positive_predictive_value == pytest.approx(2 / 3)
    assert found.negative_predictive_value == pytest.approx(1 / 2)
    nobody = at_threshold(positive, np.zeros(5), np.ones((5, 1)), 0.5)
    assert np.isnan(nobody.positive_predictive_value).all()


def test_bins_by_hand():
    mean, share, count = reliability_bins(np.array([True, False, True]), np.array([0.11, 0.19, 1.0]))
    assert count.tolist() == [0, 2, 0, 0, 0, 0, 0, 0, 0, 1]
    assert (mean[1], share[1], mean[9], share[9]) == pytest.approx((0.15, 0.5, 1, 1))
    assert np.isnan(mean[0])


@pytest.mark.parametrize("name", WEIGHTED)
@pytest.mark.parametrize("classes", [2, 3])
def test_weighted_metrics_are_the_metrics(name, classes):
    generator = np.random.default_rng(classes)
    target = generator.integers(0, classes, 60)
    probabilities = generator.dirichlet(np.ones(classes), 60)
    names = tuple("abc"[:classes])
    assert WEIGHTED[name](target, probabilities, np.ones((60, 1)))[0] == pytest.approx(
        METRICS[name](target, probabilities, names)
    )
    rows = generator.integers(0, 60, 60)
    counts = np.bincount(rows, minlength=60).astype(float)[:, None]
    assert WEIGHTED[name](target, probabilities, counts)[0] == pytest.approx(
        METRICS[name](target[rows], probabilities[rows], names)
    )


def test_what_a_missing_class_leaves_undefined():
    target, probabilities = np.array([0, 0, 1]), np.full((3, 3), 1 / 3)
    once = np.ones((3, 1))
    assert np.isnan(WEIGHTED["auc_ovo"](target, probabilities, once)).all()
    assert np.isnan(WEIGHTED["balanced_accuracy"](target, probabilities, once)).all()
    assert WEIGHTED["accuracy"](target, probabilities, once) == pytest.approx(2 / 3)
    assert np.isnan(auc_of_class(2)(target, probabilities, once)).all()


def test_subjects_that_are_not_drawn_do_not_count_for_separation():
    positive, odds = np.array([False, False, True]), np.array([-1.0, 2.0, 1.0])
    counts = np.array([[1, 1], [0, 1], [1, 1]])  # the second subject, above the positive one, is not drawn at first
    assert one_class._separated(positive, odds, counts).tolist() == [True, False]
