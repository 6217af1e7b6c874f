"""Subjects without a label in splits and in cohort files."""

from dataclasses import replace

import h5py
import numpy as np
import pytest

from data.toys import Toy, toy
from xdistill.data import (
    ArrayCohort,
    Split,
    Splits,
    build_cohort,
    check_splits,
    make_splits,
    open_cohort,
    verify_cohort,
)
from xdistill.data.splits import train_sizes
from xdistill.errors import CacheError, DataError, LeakError
from xdistill.interfaces.component import Choice
from xdistill.interfaces.dataset import SubjectRow
from xdistill.recipe.schema.crossval import Crossval
from xdistill.recipe.schema.recipe import CacheRecipe
from xdistill.tasks import Regression
from xdistill.types import ModalitySpec, Schema

COUNT = 24
SUBJECTS = [f"s{row:02}" for row in range(COUNT)]
PATIENTS = [f"p{row // 2}" for row in range(COUNT)]
LABELLED = np.arange(COUNT) % 4 != 3  # s03, s07 and so on have no label; s02 is of the patient of s03
TASKS = [("no", "yes"), Regression(("dose",), ("mg",))]


def split_of(rows, labelled, task, **crossval):
    targets = np.where(LABELLED, np.arange(COUNT) // 2 % 2, -1)
    if isinstance(task, Regression):
        targets = np.where(LABELLED, np.arange(COUNT, dtype=float), np.nan)[:, None]
    subjects, patients = ([one[row] for row in rows] for one in (SUBJECTS, PATIENTS))
    settings = Crossval(**{"folds": 3, **crossval})
    return make_splits(subjects, patients, targets[rows], task, settings, "print", labelled=labelled)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("validation", [0, 0.25])
def test_they_are_trained_on_where_nothing_of_their_patient_is_scored(task, validation):
    known = np.flatnonzero(LABELLED)
    with_them = split_of(np.arange(COUNT), LABELLED, task, validation=validation, repeats=2)
    for split, alone in zip(with_them, split_of(known, None, task, validation=validation, repeats=2), strict=True):
        assert (split.test, split.validation) == (alone.test, alone.validation)
        held = {PATIENTS[SUBJECTS.index(subject)] for subject in (*split.test, *split.validation)}
        others = {SUBJECTS[row] for row in np.flatnonzero(~LABELLED) if PATIENTS[row] not in held}
        assert set(split.train) == {*alone.train, *others}
        assert held
        assert len(others) < np.count_nonzero(~LABELLED)  # one of these patients is held, so the subject is in no part
    sizes = train_sizes({**with_them.to_json(), "unlabelled": np.array(SUBJECTS)[~LABELLED].tolist()})
    assert sizes[0, 0] == len([subject for subject in with_them.fold(0, 0).train if int(subject[1:]) % 4 != 3])


def test_a_given_split_keeps_them_where_it_puts_them():
    subjects, labelled = ["a", "b", "c", "d", "e", "f", "g"], np.array([True, True, True, True, False, False, False])
    columns = {
        "split": ["train", "train", "test", "test", "train", "test", "train"],
        "site": ["Bern", "Bern", "Basel", "Basel", "Bern", "Basel", "Chur"],
    }

    def given(patients, **crossval):
        settings = Crossval(**crossval)
        targets = [0, 1, 0, 1, -1, -1, -1]
        return make_splits(subjects, patients, targets, ("n", "y"), settings, "", labelled=labelled, columns=columns)

    (split,) = given(subjects, by="split")
    assert (split.train, split.test) == (("a", "b", "e", "g"), ("c", "d"))  # f is of the test part, and not scored
    (split,) = given(["a", "b", "c", "d", "c", "f", "g"], by="split")
    assert split.train == ("a", "b", "g")  # e is of the patient of c, which is tested
    basel, bern = given(subjects, by="site")  # Chur has nobody to test
    assert (basel.train, basel.test) == (("a", "b", "e", "g"), ("c", "d"))
    assert (bern.train, bern.test) == (("c", "d", "f", "g"), ("a", "b"))
    with pytest.raises(DataError, match="the test part of site 'Chur' has no subject with a label"):
        given(subjects, by="site", tested=["Chur"])


def test_one_that_is_tested_is_refused():
    splits = Splits((Split(0, 0, ("a",), (), ("b", "c")), Split(0, 1, ("b",), (), ("a",))), "")
    with pytest.raises(LeakError, match="'c' has no label, so it cannot be validated or tested"):
        check_splits(splits, ["a", "b", "c"], ["a", "b", "c"], unlabelled=["c"])


class Partly(Toy):
    """Every third subject has no label."""

    name = "partly"

    def index(self):
        return [replace(row, target=None) if place % 3 == 2 else row for place, row in enumerate(super().index())]


def test_a_cohort_file_says_who_has_no_label(tmp_path):
    path = build_cohort(Choice(Partly, Partly.Config()), CacheRecipe(), directory=tmp_path, workers=1)
    cohort = open_cohort(path)
    assert verify_cohort(path) == []
    assert cohort.labelled.tolist() == [True, True, False] * 4
    assert cohort.targets.tolist() == [0, 1, -1, 1, 0, -1, 0, 1, -1, 1, 0, -1]
    with h5py.File(path, "r+") as file:
        mask = file["labelled"][()]
        mask[1] = 0
        file["labelled"][...] = mask
    assert "subject 's01': its id, patient, target" in verify_cohort(path)[0]
    with pytest.raises(CacheError, match="the entries of subject 's01' do not match"):
        open_cohort(path)
    with h5py.File(path, "r+") as file:
        del file["labelled"]
    assert "subject 's02': its id, patient, target" in verify_cohort(path)[0]
    with h5py.File(build_cohort(toy(), CacheRecipe(), directory=tmp_path, workers=1)) as file:
        assert "labelled" not in file


def test_arrays_and_files_have_the_same_fingerprint(tmp_path):
    class Doses(Toy):
        name = "doses"

        def schema(self):
            return Schema({"x": ModalitySpec("vector", (1,))}, task=TASKS[1])

        def index(self):
            return [SubjectRow(name, name, target) for name, target in (("a", (1.5,)), ("b", None), ("c", (2.0,)))]

        def load(self, row):
            return {"x": np.array([float(row)])}

    path = build_cohort(Choice(Doses, Doses.Config()), CacheRecipe(), directory=tmp_path, workers=1)
    cohort = open_cohort(path)
    assert np.isnan(cohort.targets).ravel().tolist() == [False, True, False]
    targets = np.array([[1.5], [7.0], [2.0]])
    labelled = [True, False, True]
    same = ArrayCohort(Doses(None).schema(), {"x": [[0.0], [1], [2]]}, targets, subjects="abc", labelled=labelled)
    assert same.fingerprint == cohort.fingerprint
    assert same.labelled.tolist() == labelled
