"""Metrics of resamples: by hand, and against scikit-learn on every resample written out."""

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from xdistill.errors import UserError
from xdistill.stats import METRICS
from xdistill.stats.areas import area, resampled_auc_ovo, wins
from xdistill.stats.resampled import RESAMPLED

OF_TWO = ("sensitivity", "specificity", "ppv", "npv")
NAMES = [(name, classes) for name in RESAMPLED for classes in ((2,) if name in OF_TWO else (2, 3, 4))]


def fold(seed, classes, *, ties):
    generator = np.random.default_rng(seed)
    target = np.arange(40) % classes
    probabilities = generator.dirichlet(np.ones(classes), 40)
    if ties:
        probabilities = np.round(probabilities * 4) / 4
    counts = generator.multinomial(40, np.full(40, 1 / 40), size=15).T.astype(float)
    return target, probabilities, counts


def scikit_learn(name, target, probabilities):
    classes = probabilities.shape[1]
    predicted = probabilities.argmax(axis=1)
    if name in OF_TWO:
        compute = sklearn_metrics.recall_score if name.endswith("ity") else sklearn_metrics.precision_score
        positive = int(name in {"sensitivity", "ppv"})
        return compute(target, predicted, pos_label=positive, zero_division=0.0)
    if name == "balanced_accuracy":
        return sklearn_metrics.balanced_accuracy_score(target, predicted)
    if name == "accuracy":
        return sklearn_metrics.accuracy_score(target, predicted)
    if name == "f1_macro":
        return sklearn_metrics.f1_score(target, predicted, labels=range(classes), average="macro", zero_division=0.0)
    if classes == 2:
        return sklearn_metrics.roc_auc_score(target, probabilities[:, 1])
    pairs = []
    for first in range(classes):
        for second in range(first + 1, classes):
            chosen = np.isin(target, (first, second))
            pairs += [
                sklearn_metrics.roc_auc_score(target[chosen] == positive, probabilities[chosen, positive])
                for positive in (first, second)
            ]
    return np.mean(pairs)


def test_area_by_hand():
    # Of 2 x 3 pairs: .5 beats .1 and .4 and ties with .5; .3 beats .1.
    assert area(np.array([0.5, 0.3]), np.array([0.4, 0.5, 0.1])) == pytest.approx(3.5 / 6)
    assert area(np.array([1.0]), np.array([0.0])) == 1


def test_wins_by_hand():
    positive, negative = np.array([0.5, 0.3]), np.array([0.4, 0.5, 0.1])
    # The second resample draws the first positive twice, the tied negative not at all, and the lowest twice.
    positive_counts, negative_counts = (
        np.array([[1.0, 2.0], [1.0, 0.0]]),
        np.array([[1.0, 1.0], [1.0, 0.0], [1.0, 2.0]]),
    )
    assert wins(positive, negative, positive_counts, negative_counts).tolist() == [3.5, 6.0]


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize(("name", "classes"), NAMES)
def test_every_resample_is_what_scikit_learn_says_of_it(name, classes, ties):
    target, probabilities, counts = fold(classes, classes, ties=ties)
    found = RESAMPLED[name](target, probabilities, counts)
    for index, drawn in enumerate(counts.T.astype(int)):
        rows = np.repeat(np.arange(len(target)), drawn)
        assert found[index] == pytest.approx(scikit_learn(name, target[rows], probabilities[rows]), abs=1e-12)


@pytest.mark.parametrize(("name", "classes"), NAMES)
def test_drawing_everybody_once_is_the_metric_of_the_fold(name, classes):
    target, probabilities, _ = fold(5, classes, ties=True)
    names = [str(index) for index in range(classes)]
    found = RESAMPLED[name](target, probabilities, np.ones((len(target), 1)))
    assert found.tolist() == pytest.approx([METRICS[name](target, probabilities, names)], abs=1e-12)


@pytest.mark.parametrize("name", RESAMPLED)
def test_a_resample_without_a_class_has_no_value(name):
    classes = 2 if name in OF_TWO else 3
    target, probabilities = np.array([0, 0, 1, classes - 1]), np.eye(classes)[[0, 1, 1, classes - 1]]
    lost = [0.0, 0.0] if classes == 2 else [0.0, 2.0]
    counts = np.array([[1.0, 1.0], [1.0, 1.0], [1.0, lost[0]], [1.0, lost[1]]])
    found = RESAMPLED[name](target, probabilities, counts)
    assert np.isfinite(found[0])
    assert np.isnan(found[1])


def test_two_classes_take_the_second_as_positive():
    # Rounding 1 - p may break ties of the other column: only one of them counts.
    target = np.array([0, 1])
    probabilities = np.array([[0.5 + 1e-12, 0.5], [0.5, 0.5]])
    assert resampled_auc_ovo(target, probabilities, np.ones((2, 1))).tolist() == [0.5]


@pytest.mark.parametrize("name", OF_TWO)
def test_metrics_of_two_classes_refuse_three(name):
    target, probabilities, counts = fold(1, 3, ties=False)
    with pytest.raises(UserError, match="are defined for two classes, but there are 3"):
        RESAMPLED[name](target, probabilities, counts)
    with pytest.raises(UserError, match="are defined for two classes, but there are 3"):
        METRICS[name](target, probabilities, ["a", "b", "c"])
