"""Predictions from files are those of the run, bit for bit."""

import csv

import numpy as np
import pytest

import xdistill
from tiny import tiny, trained
from xdistill.data import open_cohort
from xdistill.errors import DataError
from xdistill.models.tables import read_table

BRANCH = {"use": "mri_only", "inputs": ["scan"], "width": 0.03125, "features": 4}
STUDENT = {"use": "multibranch", "branches": {"scan": BRANCH}}


def of_fold(run, name):
    """The run's predictions of one fold, by subject."""
    repeat, fold = (int(part[1:]) for part in name.split("-"))
    (found,) = [one for one in run.predictions.of("student") if (one.repeat, one.fold) == (repeat, fold)]
    return dict(zip(found.subjects, found.probabilities.tolist(), strict=True))


def some_rows(table, subjects, to):
    """A table with these subjects alone, in this order."""
    with table.open(newline="") as file:
        header, *rows = list(csv.reader(file))
    by_id = {row[0]: row for row in rows}
    target = table.parent / to
    with target.open("w", newline="") as file:
        csv.writer(file).writerows([header, *(by_id[subject] for subject in subjects)])
    return target


@pytest.mark.parametrize("name", ["r0-f0", "r0-f1"])
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_folds_model_repeats_the_predictions_of_its_test_subjects(run, table, name, jobs):
    expected = of_fold(run, name)
    model = xdistill.load_model(run.path, member=name)
    part = some_rows(table, expected, f"{name}-{jobs}.csv")
    found = model.predict_table(part, jobs=jobs)
    assert {row.subject: list(row.probabilities) for row in found} == expected


def test_values_are_rounded_as_the_cache_rounded_them(table, tmp_path, shared_cache):
    run = trained(tiny(cache={"dtype": "float16"}), runs=tmp_path / "runs", cache=shared_cache)
    expected = of_fold(run, "r0-f0")
    model = xdistill.load_model(run.path, member="r0-f0")
    found = model.predict_table(some_rows(table, expected, "part.csv"))
    assert {row.subject: list(row.probabilities) for row in found} == expected


def test_arrays_a_folder_and_single_files_give_the_same(run, fitted, table):
    model = xdistill.load_model(fitted)
    rows = model.predict_table(table)
    folder = {row.subject: row.probabilities for row in model.predict_folder(table.parent)}
    assert folder == {row.subject: row.probabilities for row in rows}
    cohort = open_cohort(run.cohort.path)
    arrays = {name: cohort.values(name, range(len(cohort))) for name in ("hbp", "pre")}
    np.testing.assert_array_equal(model.predict_proba(arrays), [row.probabilities for row in rows])
    assert model.predict(arrays).tolist() == [row.prediction for row in rows]
    first = cohort.subjects[0]
    one = model.predict_files({name: table.parent / first / f"{name}.nii.gz" for name in ("hbp", "pre")})
    np.testing.assert_allclose(one.probabilities, rows[0].probabilities, atol=1e-6)


def test_an_ensemble_is_the_mean_of_its_members(run, table):
    model = xdistill.load_model(run.path)
    members = [xdistill.load_model(run.path, member=member.name).predict_table(table) for member in model.members]
    each = np.array([[row.probabilities for row in rows] for rows in members])
    cohort = open_cohort(run.cohort.path)
    np.testing.assert_allclose(model.predict_cohort(cohort), each.mean(axis=0), atol=1e-15)
    rows = model.predict_table(table)
    best = np.array([row.probabilities for row in rows]).argmax(axis=1)
    np.testing.assert_allclose([row.sd for row in rows], each.std(axis=0, ddof=1)[range(len(rows)), best])


def test_a_saved_ensemble_is_the_runs(run, table, tmp_path, shared_cache):
    saved = xdistill.fit(tiny(), tmp_path / "m", ensemble=True, runs=run.path.parent.parent, cache=shared_cache)
    assert [member.name for member in saved.members] == [f"r0-f{fold}" for fold in range(len(saved.members))]
    of_run = xdistill.load_model(run.path).predict_table(table)
    assert [row.probabilities for row in saved.predict_table(table)] == [row.probabilities for row in of_run]


def test_ids_are_row_numbers_where_there_are_none(fitted, table):
    with table.open(newline="") as file:
        rows = [row[2:] for row in csv.reader(file)][:3]
    short = table.parent / "short.csv"
    with short.open("w", newline="") as file:
        csv.writer(file, delimiter=";").writerows(rows)
    assert [subject.subject for subject in read_table(xdistill.load_model(fitted), short)] == ["1", "2"]


def test_bad_volumes_are_one_message_each(tmp_path):
    nibabel = pytest.importorskip("nibabel")
    rng = np.random.default_rng(0)
    rows = ["subject,label,scan"]
    for number in range(8):
        values = rng.normal(size=(12, 11, 10)).astype(np.float32)
        nibabel.save(nibabel.Nifti1Image(values, np.diag([1.0, 1, 2, 1])), tmp_path / f"{number}.nii.gz")
        rows.append(f"s{number},{'ab'[number % 2]},{number}.nii.gz")
    (tmp_path / "cohort.csv").write_text("\n".join(rows) + "\n")
    recipe = {
        "name": "tests/oriented",
        "data": {"use": "manifest", "path": str(tmp_path / "cohort.csv")},
        "student": STUDENT,
        "stages": [
            {"name": "s", "train": ["student"], "epochs": 1, "objective": [{"use": "cross_entropy", "on": "student"}]}
        ],
        "crossval": {"folds": 2},
        "executor": {"use": "local", "jobs": 1},
    }
    model = xdistill.fit(recipe, tmp_path / "m", runs=tmp_path / "runs", cache=tmp_path / "cache", crossval=False)
    values = rng.normal(size=(12, 11, 10)).astype(np.float32)
    bad = values.copy()
    bad[0, 0, 0] = np.nan
    oriented = np.diag([1.0, 1, 2, 1])
    cases = {
        "has the orientation LPS, but the training volumes had RAS": (values, np.diag([-1.0, -1, 2, 1])),
        "becomes a volume of": (values[:, :, :3], oriented),
        "holds 4 dimensions": (np.stack([values, values], axis=-1), oriented),
        "NaN": (bad, oriented),
    }
    for place, (message, (content, affine)) in enumerate(cases.items()):
        file = tmp_path / f"bad{place}.nii.gz"
        nibabel.save(nibabel.Nifti1Image(content, affine), file)
        with pytest.raises(DataError, match=message):
            model.predict_files({"scan": file})
    assert model.predict_files({"scan": tmp_path / "0.nii.gz"}).prediction in {"a", "b"}
