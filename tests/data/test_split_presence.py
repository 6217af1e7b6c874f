"""Folds get their share of subjects who lack a modality."""

import numpy as np

from xdistill.data import make_splits
from xdistill.recipe.schema.crossval import Crossval

CLASSES = ("no", "yes")


def split(complete=None, folds=5, patients=None):
    subjects = [f"s{place:03d}" for place in range(100)]
    targets = np.arange(100) % 2
    given = None if complete is None else np.asarray(complete)
    return make_splits(subjects, patients or subjects, targets, CLASSES, Crossval(folds=folds), "", complete=given)


def shares(splits, complete):
    names = {f"s{place:03d}" for place in np.flatnonzero(complete)}
    return [len(names.intersection(part.test)) for part in splits]


def test_where_nobody_lacks_anything_nothing_changes():
    assert split().hash == split(np.ones(100, dtype=bool)).hash


def test_each_fold_has_its_share_within_each_class():
    complete = np.arange(100) < 30
    splits = split(complete)
    assert shares(splits, complete) == [6] * 5
    assert shares(splits, complete & (np.arange(100) % 2 == 1)) == [3] * 5
    assert [len(part.test) for part in splits] == [20] * 5


def test_too_few_to_go_round_are_not_dealt_apart():
    few = np.arange(100) >= 4  # two of each class lack something
    assert split(few).hash == split().hash


def test_patients_stay_whole():
    patients = [f"p{place // 2}" for place in range(100)]
    complete = np.arange(100) < 40
    for part in split(complete, patients=patients):
        sides = [{patients[int(name[1:])] for name in side} for side in (part.train, part.test)]
        assert not sides[0] & sides[1]
