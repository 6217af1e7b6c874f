"""The split that the data come with, in place of cross-validation."""

import json

import pytest

from xdistill.data import Splits, make_splits
from xdistill.errors import DataError, LeakError, RecipeError
from xdistill.recipe.load import as_loaded
from xdistill.recipe.schema.crossval import Crossval

SUBJECTS = [f"s{row}" for row in range(12)]
TARGETS = [0, 1] * 6
CLASSES = ("no", "yes")


def official(test=("s2", "s7"), *, subjects=SUBJECTS, patients=SUBJECTS, targets=TARGETS, **crossval):
    return make_splits(subjects, patients, targets, CLASSES, Crossval(official=True, **crossval), "print", test)


def test_one_fold_of_exactly_these_subjects():
    splits = official()
    assert len(splits) == 1
    assert splits.fold(0, 0).test == ("s2", "s7")
    assert splits.fold(0, 0).train == tuple(subject for subject in SUBJECTS if subject not in {"s2", "s7"})
    assert Splits.from_json(json.loads(json.dumps(splits.to_json()))) == splits


def test_its_hash_is_made_as_any_others():
    assert official().hash == official(("s7", "s2"), folds=3, stratify=False).hash
    assert official().hash != official(("s2", "s9")).hash


def test_a_class_may_be_too_rare_for_folds():
    targets = [0] * 10 + [1] * 2
    assert official(("s0", "s10"), targets=targets).fold(0, 0).test == ("s0", "s10")


def test_validation_comes_from_the_training_part():
    (split,) = official(validation=0.4)
    assert split.test == ("s2", "s7")
    assert len(split.validation) == 4
    assert {*split.train, *split.validation} == {*SUBJECTS} - {"s2", "s7"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"test": None}, "the data have no official split; set `crossval.official` to false"),
        ({"test": ("s2", "nobody")}, "contains 'nobody', which is not in the cohort; build the cohort again"),
        ({"test": ()}, "the official test split is empty"),
        ({"test": ("s2", "s4")}, "test part of the official split has no subject of class 'yes'.*official` to false"),
    ],
)
def test_what_is_no_split(changes, message):
    with pytest.raises(DataError, match=message):
        official(**changes)


def test_a_patient_on_both_sides():
    patients = [f"p{row // 4}{row % 2}" for row in range(12)]
    with pytest.raises(LeakError, match="patient 'p00' is in two parts"):
        official(patients=patients)


def recipe(**crossval):
    stages = [{"name": "a", "train": ["student"], "epochs": 1, "objective": [{"use": "cross_entropy"}]}]
    return {"name": "a", "data": {"use": "lupi"}, "student": {"use": "mlp"}, "stages": stages, "crossval": crossval}


def test_there_is_one_official_split_and_no_repeats_of_it():
    with pytest.raises(RecipeError, match=r"crossval\.official: there is only one official split"):
        as_loaded(recipe(official=True, repeats=2))


def test_recipes_that_do_not_ask_for_it_are_what_they_were():
    """A run's id comes from what is dumped, and must not change for everybody."""
    assert "official" not in Crossval().model_dump(mode="json")
    assert Crossval(official=True).model_dump(mode="json")["official"] is True
    assert Crossval(**Crossval(official=True).model_dump()).official
