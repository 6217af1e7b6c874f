"""An external test cohort: predicted by every fold's student, never trained on."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tiny import trained
from xdistill.api import load_run
from xdistill.errors import DataError, LeakError, RecipeError, RunError
from xdistill.experiment.assemble import assemble
from xdistill.experiment.external.alignment import ColumnMap, misfits
from xdistill.experiment.external.cohort import check_apart
from xdistill.models.arrays import cohort_of
from xdistill.models.load import model_of_run
from xdistill.plugin import load_catalog
from xdistill.recipe.load import as_loaded
from xdistill.report.scores import score_rows
from xdistill.runs.external import external_result
from xdistill.types import ColumnSpec, ModalitySpec, Schema

HEADER = ("id", "patient", "label", "a", "b", "gene", "site")


def write_table(path, count, *, start=0, sites=("Bern", "Basel"), seed=0, header=HEADER):
    """Two subjects a patient, of different classes."""
    generator = np.random.default_rng(seed)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, header, extrasaction="ignore")
        writer.writeheader()
        for row in range(count):
            label = row % 2
            a, b, gene = (f"{value:.4f}" for value in generator.normal(size=3) + np.array([label, 0, 2 * label]))
            patient = start + row // 2
            site = sites[row // 2 % len(sites)]
            names = {"id": f"s{start + row}", "patient": f"p{patient}", "label": ["no", "yes"][label], "site": site}
            writer.writerow({**names, "a": a, "b": b, "gene": gene})
    return path


def recipe(folder, **changes):
    data = {
        "use": "table",
        "path": str(folder / "cohort.csv"),
        "target": "label",
        "classes": ["no", "yes"],
        "subject": "id",
        "patient": "patient",
        "keep": ["site"],
        "modalities": {"cheap": ["a", "b"], "gene": ["gene"]},
    }
    task = {"use": "cross_entropy"}
    return {
        "name": "tests/external",
        "data": data,
        "privileged": ["gene"],
        "transforms": [{"use": "tabular", "modality": "cheap"}, {"use": "tabular", "modality": "gene"}],
        "teacher": {"use": "mlp", "inputs": ["cheap", "gene"], "hidden": [4]},
        "student": {"use": "mlp", "inputs": ["cheap"], "hidden": [4]},
        "stages": [
            {
                "name": "joint",
                "train": ["teacher", "student"],
                "epochs": 1,
                "objective": [{**task, "on": "teacher"}, task, {"use": "class_kl"}],
            }
        ],
        "loader": {"batch_size": 8},
        "crossval": {"by": "site"},
        "executor": {"use": "local", "jobs": 1},
        "test": {
            "path": str(folder / "external.csv"),
            "keep": [],
            "title": "Geneva",
            "modalities": {"cheap": ["a", "b"]},
        },
        **changes,
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("external")
    write_table(folder / "cohort.csv", 24)
    write_table(folder / "external.csv", 12, start=1000, seed=1, header=HEADER[:-2])  # no gene, no site
    return folder


@pytest.fixture(scope="module")
def finished(folder):
    return trained(recipe(folder), runs=folder / "runs", cache=folder / "cache")


def test_each_student_predicts_all_external_subjects(finished):
    result = external_result(finished)
    students = result.folds["student"]
    assert [(fold.repeat, fold.fold) for fold in students] == [(0, 0), (0, 1)]
    assert all(fold.subjects == tuple(f"s{1000 + row}" for row in range(12)) for fold in students)
    areas = [roc_auc_score(fold.target, fold.probabilities[:, 1]) for fold in students]
    assert result.metrics["student"]["auc_ovo"].folds == pytest.approx(areas)
    mean = np.mean([fold.probabilities for fold in students], axis=0)
    area = roc_auc_score(students[0].target, mean[:, 1])
    assert result.metrics["ensemble"]["auc_ovo"].mean == pytest.approx(area)
    assert result.patients["s1000"] == result.patients["s1001"] == "p1000"
    interval = result.intervals("ensemble")["auc_ovo"]
    assert interval.low <= area <= interval.high


def test_it_is_what_the_saved_students_predict(finished, folder):
    """The transforms are those that were fitted in training."""
    with (folder / "external.csv").open(encoding="utf-8") as file:
        values = np.array([[float(row["a"]), float(row["b"])] for row in csv.DictReader(file)])
    model = model_of_run(finished.path, load_catalog())
    predicted = model.predict_cohort(cohort_of(model, {"cheap": values}))  # before calibration
    ensemble = external_result(finished).folds["ensemble"][0].probabilities
    np.testing.assert_allclose(predicted, ensemble, atol=1e-6)


def test_record_and_table_name_it(finished):
    external = finished.record["external"]
    assert (external["title"], external["subjects"], external["patients"]) == ("Geneva", 12, 6)
    assert external["class_counts"] == {"no": 6, "yes": 6}
    claim = external["summary"]["ensemble"]["auc_ovo"]
    assert claim["low"] <= claim["mean"] <= claim["high"]
    assert [row.label for row in score_rows(finished)[:4]] == [
        "Student",
        "Teacher",
        "Student, external",
        "Mean of 2 students, external",
    ]
    assert finished.record["splits"] == {"by": "site", "column": "site", "folds": {"r0-f0": "Basel", "r0-f1": "Bern"}}


def test_changed_predictions_are_found(finished, folder):
    path = finished.folder.external
    content = path.read_text(encoding="utf-8")
    path.write_text(content.replace("0.", "0.0", 1), encoding="utf-8")
    with pytest.raises(RunError, match=r"external\.csv: the file has changed"):
        load_run(finished.path)
    again = trained(recipe(folder), runs=folder / "runs", cache=folder / "cache")
    assert again.path == finished.path
    assert path.read_text(encoding="utf-8") == content


def test_adding_it_is_another_run_but_no_recipe_without_it_changes(folder):
    plain = recipe(folder, test=None)
    assert "test" not in as_loaded(plain).recipe.model_dump(mode="json")
    resolved = assemble(as_loaded(recipe(folder)), load_catalog()).resolved()
    assert resolved["test"]["classes"] == ["no", "yes"]  # a setting of `data` that `test` leaves out
    assert resolved["test"]["title"] == "Geneva"
    assert assemble(as_loaded(resolved), load_catalog()).resolved() == resolved


def test_someone_in_both_cohorts(folder):
    with pytest.raises(LeakError, match=r"36 ids of subjects or patients are in both, the first is 'p0'"):
        assemble(as_loaded(recipe(folder, test={"path": str(folder / "cohort.csv")})), load_catalog())
    check_apart((["a"], ["p"]), (["b"], ["q"]))
    with pytest.raises(LeakError, match="1 id of a subject or patient is in both, the first is 'p'"):
        check_apart((["a"], ["p"]), (["p"], ["q"]))


def test_a_cohort_that_the_student_cannot_read(folder):
    wrong = {"path": str(folder / "external.csv"), "keep": [], "modalities": {"cheap": ["a"]}}
    with pytest.raises(
        RecipeError, match="test: the test cohort does not fit: its modality `cheap` lacks the column 'b'"
    ):
        assemble(as_loaded(recipe(folder, test=wrong)), load_catalog())


def test_a_class_without_external_subjects(folder, tmp_path):
    rows = (folder / "external.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / "one.csv").write_text("".join(row for row in rows if ",yes," not in row), encoding="utf-8")
    test = {"path": str(tmp_path / "one.csv"), "keep": [], "modalities": {"cheap": ["a", "b"]}}
    with pytest.raises(DataError, match=r"has no subject of class 'yes', so its scores would be meaningless"):
        trained(recipe(folder, test=test), runs=tmp_path / "runs", cache=tmp_path / "cache")


def vector(*columns):
    return ModalitySpec("vector", (len(columns),), columns)


def test_columns_and_categories_are_found_by_name():
    ours = vector(ColumnSpec("age"), ColumnSpec("sex", "categorical", categories=("f", "m")))
    theirs = vector(ColumnSpec("sex", "categorical", categories=("m", "x")), ColumnSpec("new"), ColumnSpec("age"))
    found = ColumnMap.of(ours, theirs).apply(np.array([[0.0, 9.0, 50.0], [1.0, 9.0, 60.0], [np.nan, 9.0, np.nan]]))
    np.testing.assert_array_equal(found, [[50.0, 1.0], [60.0, np.nan], [np.nan, np.nan]])


def test_what_does_not_fit():
    image = ModalitySpec("image", (1, 4, 4))
    training = Schema({"mri": image, "lab": vector(ColumnSpec("age", unit="years"))}, ("a", "b"))
    test = Schema({"mri": ModalitySpec("image", (1, 4, 5)), "lab": vector(ColumnSpec("age"))}, ("a", "c"))
    found = list(misfits(training, test, ("mri", "lab")))
    assert found[0].startswith("it is for classification into 2 classes (a, c), but the training cohort")
    assert "has the shape [1, 4, 5], but that of the training cohort [1, 4, 4]" in found[1]
    assert "column 'age' of its modality `lab` is numeric, but in the training cohort numeric in years" in found[2]
    assert list(misfits(training, Schema({"mri": image}, ("b", "a")), ("mri",))) == []
    assert "it has no modality `lab`" in next(misfits(training, Schema({"mri": image}, ("b", "a")), ("lab",)))
