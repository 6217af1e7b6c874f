"""Metrics of regression, ordinal, multi-label and survival: by hand, and against scikit-learn and scikit-survival."""

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from xdistill.errors import DataError, UserError
from xdistill.stats import METRICS
from xdistill.stats.resampled import resampled_metric
from xdistill.stats.tasks import multi_label, ordinal, regression, survival

ONE = np.array([1.0, 2.0, 3.0, 6.0]), np.array([[2.0], [2.0], [2.0], [5.0]])
TWO = np.stack([ONE[0], 1000 * ONE[0]], axis=1), np.hstack([ONE[1], 1000 * ONE[1]])

GRADES = np.array([0, 1, 2, 2])
# Medians 0, 1, 1, 0: of the second the probability of at most grade 0 is .4, and of the last exactly one half.
OF_GRADES = np.array([[0.6, 0.3, 0.1], [0.4, 0.2, 0.4], [0.2, 0.4, 0.4], [0.5, 0.0, 0.5]])

LABELS = np.array([[1, 0, 1], [0, 1, 1], [1, 1, 1], [0, 0, 1]])
OF_LABELS = np.array([[0.9, 0.2, 0.7], [0.6, 0.8, 0.9], [0.5, 0.1, 0.4], [0.1, 0.3, 0.6]])

# Comparable pairs: (1, 2), (1, 3), (1, 4) and (3, 4); the last is a tie.
CENSORED = np.array([[1.0, 1.0], [2.0, 0.0], [3.0, 1.0], [4.0, 1.0]]), np.array([[0.9], [0.5], [0.4], [0.4]])
EVENTS = np.array([[1.0, 1.0], [2.0, 1.0], [3.0, 1.0], [4.0, 1.0]])


def random_survival(seed=0, subjects=80):
    generator = np.random.default_rng(seed)
    risk = generator.normal(size=subjects)
    event, censoring = generator.exponential(np.exp(-risk)), generator.exponential(1.5, subjects)
    target = np.stack([np.minimum(event, censoring), event <= censoring], axis=1).astype(np.float64)
    return target, risk


def test_errors_of_one_target_are_in_its_unit():
    assert regression.mae(*ONE, ["age"]) == pytest.approx(3 / 4)
    assert regression.rmse(*ONE, ["age"]) == pytest.approx(np.sqrt(3 / 4))
    assert regression.r2(*ONE, ["age"]) == pytest.approx(1 - 3 / 14)  # the mean is 3
    assert regression.pearson(*ONE, ["age"]) == pytest.approx(np.corrcoef(ONE[0], ONE[1][:, 0])[0, 1])
    assert regression.pearson(ONE[0], np.full((4, 1), 0.1), ["age"]) == 0.0
    assert regression.mae(ONE[0][:, None], ONE[1], ["age"]) == pytest.approx(3 / 4)


def test_errors_of_several_targets_are_in_their_deviations():
    deviation = np.sqrt(14 / 4)
    assert regression.mae(*TWO, ["g", "mg"]) == pytest.approx(3 / 4 / deviation)
    assert regression.rmse(*TWO, ["g", "mg"]) == pytest.approx(np.sqrt(3 / 4) / deviation)
    assert regression.r2(*TWO, ["g", "mg"]) == pytest.approx(1 - 3 / 14)


@pytest.mark.parametrize("metric", [regression.r2, regression.mae])
def test_a_target_without_any_spread(metric):
    target = np.stack([np.ones(4), ONE[0]], axis=1)
    with pytest.raises(DataError, match="the target 'g' is 1 for all of the 4 subjects"):
        metric(target, TWO[1], ["g", "mg"])


def test_grades():
    assert ordinal.predicted_grades(OF_GRADES).tolist() == [0, 1, 1, 0]
    assert ordinal.grade_error(GRADES, OF_GRADES, "abc") == pytest.approx((0 + 0 + 1 + 2) / 4)
    # Mean squared distance 5/4; of all pairs of target (0, 1, 2, 2) and prediction (0, 1, 1, 0): 24/16.
    assert ordinal.quadratic_weighted_kappa(GRADES, OF_GRADES, "abc") == pytest.approx(1 - (5 / 4) / (24 / 16))
    with pytest.raises(DataError, match="all of the 2 subjects scored here are of the grade 'c'"):
        ordinal.quadratic_weighted_kappa(GRADES[2:], OF_GRADES[2:], "abc")


def test_labels():
    # The first label: pairs .9 and .5 against .6 and .1, three of four; the second: .8, .1 against .2, .3: two of four.
    # All subjects have the third.
    assert multi_label.macro_auc(LABELS, OF_LABELS, "abc") == pytest.approx((3 / 4 + 2 / 4) / 2)
    expected = [sklearn_metrics.average_precision_score(LABELS[:, at], OF_LABELS[:, at]) for at in range(2)]
    assert multi_label.mean_average_precision(LABELS, OF_LABELS, "abc") == pytest.approx(np.mean(expected))
    predicted = (OF_LABELS >= 0.5).astype(int)
    for average, metric in (("micro", multi_label.micro_f1), ("macro", multi_label.macro_f1)):
        assert metric(LABELS, OF_LABELS, "abc") == pytest.approx(
            sklearn_metrics.f1_score(LABELS, predicted, average=average)
        )
    assert multi_label.brier(np.array([[1, 0]]), np.array([[0.5, 0.1]]), "ab") == pytest.approx((0.25 + 0.01) / 2)
    assert multi_label.subset_accuracy(LABELS, OF_LABELS, "abc") == pytest.approx(2 / 4)  # the first and the last


def test_labels_that_nobody_or_everybody_has():
    nothing = np.zeros((3, 2), int), np.full((3, 2), 0.1)
    assert multi_label.micro_f1(*nothing, "ab") == multi_label.macro_f1(*nothing, "ab") == 0.0
    with pytest.raises(DataError, match="none of the labels a, b is there for some of the 3 subjects"):
        multi_label.macro_auc(*nothing, "ab")


def test_concordance():
    assert survival.concordance(*CENSORED, ["risk"]) == pytest.approx(3.5 / 4)
    with pytest.raises(DataError, match="4 subjects here: none has an event"):
        survival.concordance(np.array([[1.0, 0.0]] * 4), CENSORED[1], ["risk"])
    with pytest.raises(DataError, match="2 subjects here: no two are comparable"):
        survival.concordance(np.array([[1.0, 0.0], [2.0, 1.0]]), CENSORED[1][:2], ["risk"])


@pytest.mark.parametrize("metric", ["concordance", "time_dependent_auc", "integrated_brier"])
@pytest.mark.parametrize("ties", [False, True])
def test_survival_of_resamples(metric, ties):
    generator = np.random.default_rng(0)
    target, risk = random_survival(subjects=25)
    if ties:
        target[:, 0] = np.ceil(3 * target[:, 0])  # equal times, of events and of censored subjects
    cuts = [1.0, 2.0, 3.0] if ties else [0.1, 0.2, 0.5, 50.0]
    names = ["risk", *(f"survival_{cut}" for cut in cuts)]
    alive = np.exp(-np.outer(np.exp(risk), cuts))
    predictions = np.column_stack([np.round(risk, 1), alive])
    counts = generator.integers(0, 3, size=(25, 6)).astype(np.float64)
    found = resampled_metric(metric, names)(target, predictions, counts)
    for column, value in zip(counts.T.astype(int), found, strict=True):
        drawn = np.repeat(np.arange(25), column)
        try:
            expected = METRICS[metric](target[drawn], predictions[drawn], names)
        except DataError:  # the probability of not being censored falls to zero before an event
            expected = np.nan
        assert value == pytest.approx(expected, nan_ok=True)
    assert np.isfinite(found).sum() >= 4
    nobody = (target[:, 1] == 0)[:, None].astype(np.float64)  # without an event there is no pair, and no quartile
    assert np.isnan(resampled_metric(metric, names)(target, predictions, nobody)).all()


def test_time_dependent_auc_without_censoring():
    # At the times 1.75, 2.5 and 3.25: 4 above 1, 3, 2; then 4 and 1 against 3 and 2; then 4, 1 and 3 against 2.
    risk = np.array([[4.0], [1.0], [3.0], [2.0]])
    assert survival.time_dependent_auc(EVENTS, risk, ["risk"]) == pytest.approx((1 + 1 / 2 + 2 / 3) / 3)


def test_integrated_brier_without_censoring():
    names = ["risk", "survival_2.0", "survival_3.0", "survival_9.0"]
    survives = np.array([[0.2, 0.1], [0.2, 0.1], [0.8, 0.4], [0.8, 0.6]])
    predictions = np.hstack([np.zeros((4, 1)), survives, np.full((4, 1), 0.5)])
    at_two = 0.2**2
    at_three = (0.1**2 + 0.1**2 + 0.4**2 + 0.4**2) / 4
    assert survival.integrated_brier(EVENTS, predictions, names) == pytest.approx((at_two + at_three) / 2)
    with pytest.raises(DataError, match="only 1 of the 2 cut points lie within"):
        survival.integrated_brier(EVENTS, predictions[:, :3], ["risk", "survival_2.0", "survival_5.0"])


def test_survival_as_scikit_survival_scores_it():
    from sksurv import metrics

    target, risk = random_survival()
    structured = np.rec.fromarrays([target[:, 1] == 1, target[:, 0]], names=["event", "time"])
    event_times = target[target[:, 1] == 1, 0]
    expected = metrics.concordance_index_censored(structured.event, structured.time, risk)[0]
    assert survival.concordance(target, risk[:, None], ["risk"]) == expected
    times = np.quantile(event_times, [0.25, 0.5, 0.75])
    expected = metrics.cumulative_dynamic_auc(structured, structured, risk, times)[1]
    assert survival.time_dependent_auc(target, risk[:, None], ["risk"]) == expected
    survives = np.exp(-np.exp(risk)[:, None] * times)
    names = ["risk", *(f"survival_{time!r}" for time in times.tolist())]
    expected = metrics.integrated_brier_score(structured, structured, survives, times)
    assert survival.integrated_brier(target, np.column_stack([risk, survives]), names) == expected


def test_without_scikit_survival(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sksurv.metrics", None)
    with pytest.raises(UserError, match=r"scoring survival needs sksurv.*xdistill\[survival\]"):
        survival.concordance(*CENSORED, ["risk"])
