"""Comparisons of what cannot be compared are refused, and the message says why."""

from dataclasses import replace

import numpy as np
import pytest

from stats.compare_toys import method
from xdistill.errors import UserError
from xdistill.stats import Predictions, align


def changed(entry, **values):
    """The entry with its first fold changed."""
    (seed,) = entry.seeds
    first, *rest = seed.folds
    return replace(entry, seeds=(replace(seed, folds=(replace(first, **values), *rest)),))


def first_fold(entry):
    return entry.seeds[0].folds[0]


def test_methods_are_laid_side_by_side():
    one, two = method("one", seeds=(0, 1)), method("two", seeds=(2,))
    folds = align([one, two])
    assert [(fold.repeat, fold.fold) for fold in folds] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    assert folds[0].train_size == 40
    assert [values.shape for values in folds[0].probabilities] == [(2, 20, 3), (1, 20, 3)]
    assert (folds[0].probabilities[0][1] == one.seeds[1].folds[0].probabilities).all()


def test_subjects_may_stand_in_another_order():
    one, two = method("one"), method("two", seeds=(3,))
    fold = first_fold(two)
    turned = changed(
        two, subjects=fold.subjects[::-1], target=fold.target[::-1], probabilities=fold.probabilities[::-1]
    )
    assert (align([one, turned])[0].probabilities[1] == align([one, two])[0].probabilities[1]).all()


def test_other_cohorts_and_splits():
    one, two = method("one"), method("two")
    with pytest.raises(
        UserError, match=r"'two' cannot be compared with 'one': their cohort fingerprint differs .*-a.*-b"
    ):
        align([one, replace(two, fingerprint="cohort-b")])
    with pytest.raises(UserError, match=r"'two' .* 'one': their split hash differs \(splits-a, splits-b\)"):
        align([one, replace(two, split_hash="splits-b")])


def test_other_classes():
    two = method("two")
    named = replace(two, seeds=(Predictions(("a", "b", "c"), two.seeds[0].folds),))
    with pytest.raises(UserError, match=r"tasks differ \(.* 3 classes \(m0, m1, m2\); .* 3 classes \(a, b, c\)\)"):
        align([method("one"), named])


def test_other_folds():
    two = method("two")
    fewer = replace(two, seeds=(replace(two.seeds[0], folds=two.seeds[0].folds[:-1]),))
    with pytest.raises(UserError, match="only one of them has repeat 1, fold 2"):
        align([method("one"), fewer])
    twice = replace(two, seeds=(replace(two.seeds[0], folds=two.seeds[0].folds[:1] * 2),))
    with pytest.raises(UserError, match="'two' holds a fold of its student more than once"):
        align([twice])


def test_other_subjects_and_targets():
    one, two = method("one"), method("two")
    fold = first_fold(two)
    strangers = ("stranger", *fold.subjects[1:])
    with pytest.raises(UserError, match=r"in repeat 0, fold 0 only one of them scores subject '(stranger|s\d+)'"):
        align([one, changed(two, subjects=strangers)])
    labels = fold.target.copy()
    labels[3] = (labels[3] + 1) % 3
    with pytest.raises(UserError, match=f"in repeat 0, fold 0 the target of subject '{fold.subjects[3]}' differs"):
        align([one, changed(two, target=labels)])


def test_a_seed_is_named():
    entry = method("two", seeds=(0, 1))
    fewer = replace(entry, seeds=(entry.seeds[0], replace(entry.seeds[1], folds=entry.seeds[1].folds[1:])))
    with pytest.raises(UserError, match=r"'two, seed 1' cannot be compared with 'one'.*repeat 0, fold 0"):
        align([method("one"), fewer])


def test_training_sizes():
    two = method("two")
    with pytest.raises(UserError, match=r"'two' .* 'one': they were trained on different numbers of subjects"):
        align([method("one"), replace(two, train_sizes={**two.train_sizes, (0, 1): 39})])
    with pytest.raises(UserError, match="how many subjects trained repeat 0, fold 0 is not known"):
        align([replace(two, train_sizes={})])


def test_methods_that_cannot_be_compared_with_anything():
    two = method("two")
    fold = first_fold(two)
    broken = fold.probabilities.copy()
    broken[2, 0] = np.nan
    with pytest.raises(UserError, match=f"'two', repeat 0, fold 0: the predictions for subject '{fold.subjects[2]}'"):
        align([changed(two, probabilities=broken)])
    with pytest.raises(UserError, match="a subject is scored more than once"):
        align([changed(two, subjects=(fold.subjects[1], *fold.subjects[1:]))])
    with pytest.raises(UserError, match="3 numbers is required for each subject"):
        align([changed(two, probabilities=fold.probabilities[:, :2])])
    with pytest.raises(UserError, match="'two', repeat 0, fold 0: class 'm1' has no subject"):
        align([changed(two, target=np.where(fold.target == 1, 0, fold.target))])
    with pytest.raises(UserError, match=r"no predictions of its teacher \(there are: student\)"):
        align([replace(two, role="teacher")])
    with pytest.raises(UserError, match="'two' has no predictions"):
        align([replace(two, seeds=())])
    with pytest.raises(UserError, match="two methods of a comparison are called 'two'"):
        align([two, two])
    with pytest.raises(UserError, match="nothing to compare"):
        align([])
