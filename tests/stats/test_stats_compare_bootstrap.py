"""The bootstrap draws patients, within their class and fold, alike for all methods and in all repeats."""

import numpy as np
import pytest

from stats.compare_toys import method
from xdistill.errors import UserError
from xdistill.stats import METRICS, Interval, ScoredFold, align, bootstrap, observed_scores, resampled_scores
from xdistill.stats.bootstrap import draw

METRIC_NAMES = ("auc_ovo", "f1_macro", "accuracy")


def drawn(folds, resamples=50, patients=None):
    return list(draw(folds, resamples, np.random.default_rng(0), patients))


def fold(subjects, target, number=0, repeat=0):
    rows = len(subjects)
    labels = np.array(target)
    return ScoredFold(repeat, number, tuple(subjects), labels, 10, (np.full((1, rows, 2), 0.5),), labels)


def test_as_many_are_drawn_of_every_class_as_the_fold_has():
    folds = align([method("one", repeats=1)])
    for place, counts in zip(folds, drawn(folds), strict=True):
        assert counts.shape == (20, 50)
        for label in range(3):
            members = place.target == label
            assert (counts[members].sum(axis=0) == members.sum()).all()
    assert len(np.unique(counts, axis=1).T) > 40  # not the same draw again and again


def test_every_subject_is_drawn_once_on_average():
    (counts,) = drawn([fold("abcd", [0, 0, 0, 1])], resamples=4000)
    # Binomial of 3 draws with 1/3 each: mean 1, variance 2/3; four standard errors are .05.
    assert counts[:3].mean(axis=1) == pytest.approx([1, 1, 1], abs=0.05)
    assert counts[:3].var(axis=1) == pytest.approx([2 / 3] * 3, abs=0.1)
    assert (counts[3] == 1).all()  # alone in its class


def test_a_subject_counts_alike_in_all_repeats():
    folds = align([method("one", repeats=3)])
    by_subject = {}
    for place, counts in zip(folds, drawn(folds), strict=True):
        for subject, row in zip(place.subjects, counts, strict=True):
            by_subject.setdefault(subject, []).append(row)
    assert all(len(rows) == 3 and (rows[0] == rows).all() for rows in by_subject.values())


def test_subjects_of_one_patient_are_drawn_together():
    patients = {"a": "p", "b": "p", "c": "q", "d": "r", "e": "r"}
    (counts,) = drawn([fold("abcde", [0, 0, 0, 0, 1])], patients=patients)
    assert (counts[0] == counts[1]).all()
    # p and q are of class 0 and are drawn two together; r has both classes and is a stratum of its own.
    assert (counts[0] + counts[2] == 2).all()
    assert (counts[3:] == 1).all()
    with pytest.raises(UserError, match="the patient of subject 'e' is not known"):
        drawn([fold("abcde", [0, 0, 0, 0, 1])], patients={name: name for name in "abcd"})


def test_scores_are_those_of_the_metrics():
    folds = align([method("one", seeds=(0, 1)), method("two", 2.0, seeds=(2,))])
    for name in METRIC_NAMES:
        scores = observed_scores(folds, name)
        assert scores.shape == (2, 6)
        for column, place in enumerate(folds):
            for row, seeds in enumerate(place.probabilities):
                expected = np.mean([METRICS[name](place.target, seed, ("m0", "m1", "m2")) for seed in seeds])
                assert scores[row, column] == pytest.approx(expected, abs=1e-12)


def test_the_same_draw_for_all_methods():
    folds = align([method("one"), method("its twin"), method("other", seeds=(5,))])
    for values in resampled_scores(folds, METRIC_NAMES, resamples=100).values():
        assert values.shape == (3, 100)
        assert (values[0] == values[1]).all()
        assert (values[0] != values[2]).any()


def test_the_same_seed_gives_the_same_interval_and_others_do_not():
    folds = align([method("one")])
    first, again, other = (
        resampled_scores(folds, ["auc_ovo"], resamples=20, seed=seed)["auc_ovo"] for seed in (0, 0, 1)
    )
    assert (first == again).all()
    assert (first != other).any()


def test_large_cohorts_are_drawn_in_parts(monkeypatch):
    folds = align([method("one")])
    whole = resampled_scores(folds, ["auc_ovo"], resamples=300)["auc_ovo"]
    monkeypatch.setattr(bootstrap, "CHUNK", 60 * 70)
    parts = resampled_scores(folds, ["auc_ovo"], resamples=300)["auc_ovo"]
    assert parts.shape == (1, 300)
    assert parts.mean() == pytest.approx(whole.mean(), abs=0.01)


def test_a_later_fold_without_a_class_is_left_out_of_that_resample():
    # a and b share a fold in the first repeat; the second repeat tests them apart, so one of the two folds may have
    # nobody of class 0.
    target = {"a": 0, "b": 0, "x": 1, "y": 1}
    probabilities = {"a": [0.9, 0.1], "b": [0.6, 0.4], "x": [0.5, 0.5], "y": [0.4, 0.6]}
    folds = tuple(
        ScoredFold(
            repeat,
            number,
            tuple(subjects),
            np.array([target[subject] for subject in subjects]),
            2,
            (np.array([[probabilities[subject] for subject in subjects]]),),
            np.array([target[subject] for subject in subjects]),
        )
        for repeat, number, subjects in ((0, 0, "abxy"), (1, 0, "ax"), (1, 1, "by"))
    )
    values = resampled_scores(folds, METRIC_NAMES, resamples=200)
    assert (values["auc_ovo"] == 1).all()
    assert np.isfinite(values["f1_macro"]).all()
    with pytest.raises(UserError, match="at least 1, got 0"):
        resampled_scores(folds, METRIC_NAMES, resamples=0)


def test_the_interval_holds_the_middle_of_the_resamples():
    interval = Interval.of(0.4, np.arange(101) / 100, 0.9)
    assert (interval.estimate, interval.low, interval.high, interval.level) == pytest.approx((0.4, 0.05, 0.95, 0.9))


def test_the_interval_of_an_accuracy_is_as_wide_as_the_binomial_says():
    # One fold, one class of 200 of whom 150 are right, and one always right: in the first class the SD is
    # sqrt(.75 .25 / 200); over all 201 subjects it is 200 / 201 of it.
    target = np.array([0] * 200 + [1])
    right = np.array([1] * 150 + [0] * 50 + [1], dtype=bool)
    probabilities = np.where((right == (target == 0))[:, None], [0.9, 0.1], [0.1, 0.9])
    place = ScoredFold(0, 0, tuple(map(str, range(201))), target, 800, (probabilities[None],), target)
    values = resampled_scores([place], ["accuracy"], resamples=4000)["accuracy"]
    assert values.mean() == pytest.approx(151 / 201, abs=0.003)
    assert values.std() == pytest.approx(np.sqrt(0.75 * 0.25 / 200), rel=0.05)


def test_parts_are_as_large_as_memory_allows(monkeypatch):
    asked = []

    def recorded(folds, resamples, *others):
        asked.append(resamples)
        return draw(folds, resamples, *others)

    monkeypatch.setattr(bootstrap, "CHUNK", 60 * 70 + 59)  # 60 subjects: 70 resamples at a time
    monkeypatch.setattr(bootstrap, "draw", recorded)
    resampled_scores(align([method("one")]), ["auc_ovo"], resamples=150)
    assert asked == [70, 70, 10]


def test_one_resample_is_enough_and_none_is_not():
    folds = align([method("one")])
    assert resampled_scores(folds, ["auc_ovo"], resamples=1)["auc_ovo"].shape == (1, 1)
    with pytest.raises(UserError, match="must be at least 1, got 0"):
        resampled_scores(folds, ["auc_ovo"], resamples=0)
