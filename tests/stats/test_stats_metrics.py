"""Metrics against values worked out by hand, and against scikit-learn."""

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from xdistill.errors import DataError
from xdistill.stats import (
    METRICS,
    FoldPredictions,
    Predictions,
    Summary,
    fold_metrics,
    pairwise_auc,
    summarise,
)
from xdistill.stats.areas import expected_auc_ovo
from xdistill.stats.metrics import auc_ovo, brier, calibration_bins, ece, f1, f1_weighted
from xdistill.tasks import Classification

CLASSES = ("m0", "m1", "m2")
TARGET = np.array([0, 0, 1, 1, 2, 2])
PROBABILITIES = np.array(
    [
        [0.7, 0.2, 0.1],  # right
        [0.3, 0.6, 0.1],  # wrong: m1
        [0.2, 0.5, 0.3],  # right
        [0.1, 0.8, 0.1],  # right
        [0.2, 0.2, 0.6],  # right
        [0.5, 0.4, 0.1],  # wrong: m0
    ]
)


def fold(target=TARGET, probabilities=PROBABILITIES, *, role="student", repeat=0, number=0):
    subjects = tuple(f"s{index}" for index in range(len(target)))
    return FoldPredictions(role, repeat, number, subjects, np.asarray(target), np.asarray(probabilities))


def random_predictions(seed, classes=4, subjects=60):
    generator = np.random.default_rng(seed)
    target = np.arange(subjects) % classes
    probabilities = generator.dirichlet(np.ones(classes), subjects)
    return target, probabilities


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("accuracy", 4 / 6),
        # Recognised: one of two m0, both m1, one of two m2.
        ("balanced_accuracy", (0.5 + 1.0 + 0.5) / 3),
        # F1 = 2 TP / (2 TP + FP + FN): m0 2/4, m1 4/5, m2 2/3.
        ("f1_macro", (2 / 4 + 4 / 5 + 2 / 3) / 3),
        ("f1_weighted", (2 / 4 + 4 / 5 + 2 / 3) / 3),
        # Squared distances: .14, .86, .38, .06, .24, 1.22.
        ("brier", (0.14 + 0.86 + 0.38 + 0.06 + 0.24 + 1.22) / 6),
        # Bins of the top probability: [.5, .6) holds .5 right and .5 wrong, [.6, .7) .6 wrong and .6 right,
        # [.7, .8) .7 right, [.8, .9) .8 right.
        ("ece", (2 * 0.0 + 2 * 0.1 + 0.3 + 0.2) / 6),
    ],
)
def test_by_hand(name, value):
    assert METRICS[name](TARGET, PROBABILITIES, CLASSES) == pytest.approx(value)


@pytest.mark.parametrize(
    ("name", "value"),
    # Of three positive subjects two are found, of two negative ones one; of three predicted positive two are.
    [("sensitivity", 2 / 3), ("specificity", 1 / 2), ("ppv", 2 / 3), ("npv", 1 / 2)],
)
def test_two_classes_by_hand(name, value):
    positive = np.array([0.9, 0.6, 0.2, 0.7, 0.3])
    target = np.array([1, 1, 1, 0, 0])
    assert METRICS[name](target, np.stack([1 - positive, positive], axis=1), ("no", "yes")) == pytest.approx(value)


def test_a_predictive_value_of_nobody_is_zero():
    never = np.tile([0.9, 0.1], (4, 1))
    target = np.array([0, 0, 1, 1])
    values = {
        name: METRICS[name](target, never, ("no", "yes")) for name in ("sensitivity", "specificity", "ppv", "npv")
    }
    assert values == {"sensitivity": 0.0, "specificity": 1.0, "ppv": 0.0, "npv": 0.5}


def test_auc_by_hand():
    # m0 against m1. By p_m0: m0 has .7, .3, m1 has .2, .1: all 4 pairs in order. By p_m1: m1 has .5, .8, m0 has
    # .2, .6: 3 of 4. m0 against m2. By p_m0: .7, .3 against .2, .5: 3 of 4. By p_m2: .6, .1 against .1, .1: .5 + .25.
    # m1 against m2. By p_m1: .5, .8 against .2, .4: 4 of 4. By p_m2: .6, .1 against .3, .1: 2 pairs and half of one.
    expected = {"m0 vs m1": (1 + 0.75) / 2, "m0 vs m2": (0.75 + 0.75) / 2, "m1 vs m2": (1 + 2.5 / 4) / 2}
    assert pairwise_auc(TARGET, PROBABILITIES, CLASSES) == pytest.approx(expected)
    ours = auc_ovo(TARGET, PROBABILITIES, CLASSES)
    assert ours == pytest.approx(sum(expected.values()) / 3)
    assert ours == pytest.approx(sklearn_metrics.roc_auc_score(TARGET, PROBABILITIES, multi_class="ovo"))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("classes", [2, 3, 5])
def test_against_scikit_learn(seed, classes):
    target, probabilities = random_predictions(seed, classes)
    names = [str(index) for index in range(classes)]
    predicted = probabilities.argmax(axis=1)
    found = {score.name: METRICS[score.name](target, probabilities, names) for score in Classification(names).scores}
    scores = probabilities[:, 1] if classes == 2 else probabilities
    assert found["auc_ovo"] == pytest.approx(
        sklearn_metrics.roc_auc_score(target, scores, multi_class="ovo", average="macro")
    )
    assert found["f1_macro"] == pytest.approx(sklearn_metrics.f1_score(target, predicted, average="macro"))
    assert found["f1_weighted"] == pytest.approx(sklearn_metrics.f1_score(target, predicted, average="weighted"))
    assert found["accuracy"] == pytest.approx(sklearn_metrics.accuracy_score(target, predicted))
    assert found["balanced_accuracy"] == pytest.approx(sklearn_metrics.balanced_accuracy_score(target, predicted))
    if classes == 2:
        for positive, recall, precision in ((1, "sensitivity", "ppv"), (0, "specificity", "npv")):
            assert found[recall] == pytest.approx(sklearn_metrics.recall_score(target, predicted, pos_label=positive))
            expected = sklearn_metrics.precision_score(target, predicted, pos_label=positive)
            assert found[precision] == pytest.approx(expected)
    if classes == 2:  # scikit-learn's score of two classes counts one of them
        assert found["brier"] == pytest.approx(2 * sklearn_metrics.brier_score_loss(target, scores))


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_the_mean_of_the_pairs_is_the_headline(classes):
    target, probabilities = random_predictions(7, classes)
    names = [str(index) for index in range(classes)]
    pairs = pairwise_auc(target, probabilities, names)
    assert len(pairs) == classes * (classes - 1) / 2
    assert np.mean(list(pairs.values())) == pytest.approx(auc_ovo(target, probabilities, names), abs=1e-12)


def test_rows_that_miss_a_sum_of_one_by_rounding():
    target, probabilities = random_predictions(3)
    rounded = probabilities.astype(np.float16).astype(np.float64)
    names = list("abcd")
    assert auc_ovo(target, rounded, names) == pytest.approx(auc_ovo(target, probabilities, names), abs=0.01)


def test_a_class_that_nobody_is_predicted_to_have_counts_as_zero():
    always_first = np.tile([0.5, 0.3, 0.2], (6, 1))
    assert f1(TARGET, always_first, CLASSES) == pytest.approx((2 * 2 / (2 * 2 + 4)) / 3)
    assert f1_weighted(TARGET, always_first, CLASSES) == pytest.approx(0.5 / 3)


@pytest.mark.parametrize("metric", ["auc_ovo", "balanced_accuracy"])
def test_a_class_without_subjects_is_an_error(metric):
    with pytest.raises(DataError, match=r"class 'm2' has no subject among the 4 scored here.*use fewer folds"):
        METRICS[metric](TARGET[:4], PROBABILITIES[:4], CLASSES)
    with pytest.raises(DataError, match="'m2'"):
        pairwise_auc(TARGET[:4], PROBABILITIES[:4], CLASSES)
    with pytest.raises(DataError, match="'m2'"):
        summarise(Predictions(CLASSES, (fold(TARGET[:4], PROBABILITIES[:4]),)))


def test_brier_ranges_from_none_to_two():
    sure = np.eye(3)[TARGET]
    assert brier(TARGET, sure, CLASSES) == 0
    assert brier(TARGET, np.roll(sure, 1, axis=1), CLASSES) == 2


def test_calibration_bins():
    target = np.array([0, 1, 0, 1])
    probabilities = np.array([[1.0, 0.0], [0.95, 0.05], [0.55, 0.45], [0.45, 0.55]])
    confidence, hit, count = calibration_bins(target, probabilities)
    assert count.tolist() == [0, 0, 0, 0, 0, 2, 0, 0, 0, 2]
    assert confidence[[5, 9]] == pytest.approx([0.55, 0.975])  # a probability of one is in the last bin
    assert hit[[5, 9]] == pytest.approx([1.0, 0.5])
    assert np.isnan(confidence[0])
    assert np.isnan(hit[0])
    assert ece(target, probabilities, ("a", "b")) == pytest.approx((2 * 0.45 + 2 * 0.475) / 4)


def test_standard_deviation_over_folds_divides_by_one_less():
    summary = Summary.of([0.5, 0.7, 0.9])
    assert summary.mean == pytest.approx(0.7)
    assert summary.sd == pytest.approx(0.2)  # with ddof 0 it would be 0.163
    assert summary.folds == (0.5, 0.7, 0.9)
    assert Summary.of([0.5]).sd == 0


def test_a_run_is_summarised_by_role_with_the_folds_in_order():
    sure = np.eye(3)[TARGET] * 0.7 + 0.1
    folds = (
        fold(role="teacher", probabilities=sure),
        fold(number=1, probabilities=sure),
        fold(number=0),
        fold(role="teacher", number=1, probabilities=sure),
    )
    summary = summarise(Predictions(CLASSES, folds))
    assert list(summary) == ["student", "teacher"]
    assert summary["student"]["accuracy"].folds == pytest.approx((4 / 6, 1.0))
    assert summary["student"]["accuracy"].mean == pytest.approx(5 / 6)
    assert summary["teacher"]["auc:m0 vs m2"].folds == (1.0, 1.0)


def test_further_metrics_stand_beside_the_standard_ones():
    values = fold_metrics(fold(), CLASSES, {"subjects": lambda target, _probabilities, _classes: float(len(target))})
    assert values["subjects"] == 6
    assert {score.name for score in Classification(CLASSES).scores} < set(values)


def test_the_expected_auc_is_that_of_labels_where_they_are_certain_and_their_mean_elsewhere():
    rng = np.random.default_rng(0)
    truth = rng.dirichlet([1, 1, 1], size=300)
    probabilities = np.round(rng.dirichlet([2, 2, 2], size=300) + truth, 1)  # some are tied
    target = rng.integers(0, 3, 300)
    assert expected_auc_ovo(np.eye(3)[target], probabilities) == pytest.approx(auc_ovo(target, probabilities, "abc"))
    drawn = [auc_ovo(np.array([rng.choice(3, p=one) for one in truth]), probabilities, "abc") for _ in range(200)]
    standard_error = np.std(drawn) / np.sqrt(len(drawn))
    assert abs(expected_auc_ovo(truth, probabilities) - np.mean(drawn)) < 3 * standard_error
