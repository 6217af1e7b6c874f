import copy
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xdistill.data import Split, Splits, check_splits, make_splits
from xdistill.errors import DataError, LeakError, RunError
from xdistill.recipe.schema.crossval import Crossval

CLASSES = ("M0", "M1", "M2")


def flagship(**crossval):
    targets = np.repeat([0, 1, 2], [128, 93, 49])
    subjects = [f"s{row:03}" for row in range(270)]
    return subjects, targets, make_splits(subjects, subjects, targets, CLASSES, Crossval(**crossval), "print")


def test_every_subject_is_tested_once_a_repeat_and_classes_keep_their_shares():
    subjects, targets, splits = flagship(repeats=3)
    target_of = dict(zip(subjects, targets.tolist(), strict=True))
    assert [(split.repeat, split.fold) for split in splits] == [(r, f) for r in range(3) for f in range(5)]
    for repeat in range(3):
        tested = [subject for fold in range(5) for subject in splits.fold(repeat, fold).test]
        assert sorted(tested) == subjects
    for split in splits:
        assert len(split.train) == 216
        assert split.validation == ()
        counts = np.bincount([target_of[subject] for subject in split.test])
        assert np.abs(counts - [25.6, 18.6, 9.8]).max() < 1
    assert splits.fold(2, 3).name == "r2-f3"


def test_the_same_arguments_give_the_same_splits_and_others_do_not():
    first, again, other = (flagship(seed=seed)[2] for seed in (0, 0, 1))
    assert first == again
    assert first.hash == again.hash
    assert first.hash != other.hash
    twice = flagship(repeats=2)[2]
    assert twice.splits[:5] == first.splits
    assert {split.test for split in twice.splits[5:]}.isdisjoint({split.test for split in other})


def test_validation_is_a_stratified_part_of_the_training_subjects():
    subjects, targets, splits = flagship(validation=0.25)
    target_of = dict(zip(subjects, targets.tolist(), strict=True))
    for split, plain in zip(splits, flagship()[2], strict=True):
        assert split.test == plain.test
        assert len(split.validation) == 54
        assert sorted(split.train + split.validation) == sorted(plain.train)
        counts = np.bincount([target_of[subject] for subject in split.validation])
        assert np.abs(counts - [25.6, 18.6, 9.8]).max() < 1.5


@given(
    sizes=st.lists(st.integers(1, 3), min_size=24, max_size=40),
    seed=st.integers(-5, 2**40),
    folds=st.integers(2, 4),
    stratify=st.booleans(),
    validation=st.sampled_from([0.0, 0.3]),
)
@settings(max_examples=40)
def test_a_patient_is_never_on_two_sides(sizes, seed, folds, stratify, validation):
    patients = [f"p{number}" for number, size in enumerate(sizes) for _ in range(size)]
    targets = [number % 2 for number, size in enumerate(sizes) for _ in range(size)]
    subjects = [f"s{row}" for row in range(len(patients))]
    patient_of = dict(zip(subjects, patients, strict=True))
    crossval = Crossval(folds=folds, repeats=2, seed=seed, stratify=stratify, validation=validation)
    try:
        splits = make_splits(subjects, patients, targets, ("a", "b"), crossval, "")
    except DataError:
        assert not stratify or len(set(sizes)) > 1  # a fold without a class is refused, never returned
        return
    for split in splits:
        sides = [{patient_of[subject] for subject in side} for side in (split.train, split.validation, split.test)]
        assert not sides[0] & sides[2]
        assert not sides[1] & sides[2]
        assert not sides[0] & sides[1]
        assert set(split.train) | set(split.validation) | set(split.test) == set(subjects)
    for repeat in range(2):
        assert sorted(s for fold in range(folds) for s in splits.fold(repeat, fold).test) == sorted(subjects)


def test_a_class_with_fewer_patients_than_folds():
    subjects = [f"s{row}" for row in range(20)]
    targets = [0] * 16 + [1] * 4
    with pytest.raises(DataError, match=r"class 'yes' has 4 patients, but each of the 5 folds .* to 4 or fewer"):
        make_splits(subjects, subjects, targets, ("no", "yes"), Crossval(), "")
    patients = subjects[:16] + ["p"] * 4
    with pytest.raises(DataError, match="class 'yes' has 1 patient, too few for cross-validation"):
        make_splits(subjects, patients, targets, ("no", "yes"), Crossval(folds=2), "")
    with pytest.raises(DataError, match="class 'maybe' has 0 patients"):
        make_splits(subjects, subjects, targets, ("no", "yes", "maybe"), Crossval(folds=2), "")


def test_a_class_that_is_missing_from_a_test_fold():
    subjects = [f"s{row}" for row in range(60)]
    targets = [0] * 55 + [1] * 5
    crossval = Crossval(stratify=False)
    with pytest.raises(DataError, match=r"test part of repeat 0, fold . has no subject of class 'yes'.*stratify"):
        make_splits(subjects, subjects, targets, ("no", "yes"), crossval, "")


def test_validation_that_cannot_be_had():
    subjects = [f"s{row}" for row in range(10)]
    with pytest.raises(DataError, match=r"a fraction of 0\.1 of 8 training patients cannot be held out"):
        make_splits(subjects, subjects, [0, 1] * 5, ("no", "yes"), Crossval(validation=0.1), "")


def test_a_subject_on_two_sides_is_no_split():
    with pytest.raises(LeakError, match="fold 2: subject 'b' occurs twice"):
        Split(0, 2, ("a", "b"), (), ("b",))


def test_check_splits_refuses_what_leaks():
    good = Splits((Split(0, 0, ("a",), (), ("b",)), Split(0, 1, ("b",), (), ("a",))), "")
    check_splits(good, ["a", "b"], ["p", "q"])
    with pytest.raises(LeakError, match="patient 'p' is in two parts"):
        check_splits(good, ["a", "b"], ["p", "p"])
    with pytest.raises(LeakError, match="subject 'c' is not both"):
        check_splits(good, ["a", "b", "c"], ["p", "q", "r"])
    with pytest.raises(LeakError, match="not every subject is tested exactly once"):
        check_splits(Splits(good.splits[:1], ""), ["a", "b"], ["p", "q"])


def test_a_manifest_comes_back_from_json_and_refuses_changes():
    splits = flagship(repeats=2, validation=0.2)[2]
    written = json.loads(json.dumps(splits.to_json()))
    assert Splits.from_json(written) == splits
    assert written["cohort"] == "print"

    moved = copy.deepcopy(written)
    moved["splits"][0]["train"].append(moved["splits"][0]["test"].pop())
    with pytest.raises(RunError, match="do not match their hash: the file was changed"):
        Splits.from_json(moved)
    with pytest.raises(RunError, match="format version 9; this version of xdistill reads version 1"):
        Splits.from_json({**written, "format_version": 9})
    with pytest.raises(RunError, match="cannot be read: KeyError"):
        Splits.from_json({**written, "splits": [{}]})
    for nonsense in ([], {}, None, {"format": "other"}):
        with pytest.raises(RunError, match="not a file of splits"):
            Splits.from_json(nonsense)
    with pytest.raises(KeyError):
        splits.fold(5, 0)
