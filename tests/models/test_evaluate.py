"""Evaluation on an external cohort: figures by hand, subgroups, a second model, drift, the page and the files."""

import csv
import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from report.page_parts import PageParts
from xdistill.cli.app import app
from xdistill.data import open_cohort
from xdistill.data.export import export_cohort
from xdistill.deployment.evaluate import evaluate, render_evaluation, write_evaluation
from xdistill.deployment.evaluate.cohort import Labelled, subgroups
from xdistill.deployment.evaluate.drift import ks_bound, standardised_difference
from xdistill.deployment.evaluate.intervals import Bootstrap, observed
from xdistill.errors import DataError, UserError
from xdistill.models import load_model
from xdistill.models.inputs import Distribution
from xdistill.models.subject import NewSubject
from xdistill.stats.metrics import METRICS


@pytest.fixture(scope="module")
def labelled(run, tmp_path_factory):
    """The cohort as files, with labels, and two subjects per patient."""
    folder = tmp_path_factory.mktemp("external") / "cohort"
    table = export_cohort(open_cohort(run.cohort.path), folder, modalities=["hbp", "pre"])
    rows = list(csv.DictReader(table.read_text().splitlines()))
    for place, row in enumerate(rows):
        row |= {"patient": f"P{place // 2}", "sex": "<b>f</b>" if place % 2 else "m", "age": str(30 + place)}
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return table


@pytest.fixture(scope="module")
def evaluation(fitted, run, labelled):
    other = load_model(run.path)
    return evaluate(load_model(fitted), labelled, by=["sex", "age"], against=other, resamples=50)


def test_metrics_are_those_of_the_predictions(evaluation):
    probabilities = np.array([row.probabilities for row in evaluation.predictions])
    targets = np.array([evaluation.classes.index(row.target) for row in evaluation.predictions])
    for name, found in evaluation.metrics.items():
        assert found.value == pytest.approx(METRICS[name](targets, probabilities, evaluation.classes))
        assert found.low <= found.high
    assert (evaluation.subjects, evaluation.patients) == (30, 15)
    counts = np.array(evaluation.confusion)
    assert counts.sum() == 30
    assert np.trace(counts) / 30 == pytest.approx(evaluation.metrics["accuracy"].value)
    covered = [row.target in row.classes for row in evaluation.predictions]
    assert evaluation.sets.coverage.value == pytest.approx(np.mean(covered))


def test_thresholds_come_from_training(evaluation, fitted):
    calibration = load_model(fitted).calibration
    for one in evaluation.one_class:
        assert one.operating.threshold == calibration.curve(one.name).youden().value
        called = [row.probabilities[evaluation.classes.index(one.name)] >= one.operating.threshold
                  for row in evaluation.predictions]  # fmt: skip
        assert sum(cell[1] for cell in one.operating.confusion) == sum(called)


def test_subgroups_and_comparison(evaluation):
    assert [(group.column, group.subjects) for group in evaluation.subgroups] == [
        ("sex", 15), ("sex", 15), ("age", 10), ("age", 10), ("age", 10),
    ]  # fmt: skip
    assert sum(group.metrics["accuracy"].value * 15 for group in evaluation.subgroups[:2]) == pytest.approx(
        30 * evaluation.metrics["accuracy"].value
    )
    change = evaluation.comparison.metrics["brier"]
    assert change.difference.value == pytest.approx(change.model - change.against)
    assert set(evaluation.comparison.delong) == set(evaluation.classes)


def test_a_model_does_not_differ_from_itself(fitted, labelled):
    model = load_model(fitted)
    found = evaluate(model, labelled, against=model, positive="M1", resamples=20).comparison
    assert all(item.difference.value == 0 and item.p_value == 1 for item in found.metrics.values())
    assert [(name, test.p_value) for name, test in found.delong.items()] == [("M1", 1)]


def test_the_training_cohort_has_not_drifted(evaluation):
    assert evaluation.drift.shifts
    for shift in evaluation.drift.shifts:
        assert (shift.difference, shift.ks) == (
            pytest.approx(0, abs=1e-6),
            pytest.approx(0, abs=0.04),
        )  # 1 / 30 at the ends
        assert (shift.outside, shift.missing) == (0, 0)
    (grid, _) = evaluation.drift.grids
    assert (grid.here.files, grid.shapes) == (30, {"16 x 16 x 8": 30})
    assert (grid.here.size, grid.here.spacing) == (((16, 16, 16), (16, 16, 16), (8, 8, 8)), ((1, 1, 1),) * 3)
    assert grid.training is None  # generated subjects have no files


def test_files_of_another_size_or_spacing_are_counted(fitted, labelled):
    model = load_model(fitted)
    modalities = {name: dict(facts) for name, facts in model.training["modalities"].items()}
    modalities["hbp"]["grid"] = {"files": 9, "size": [[16, 16, 16]] * 2 + [[8, 8, 9]], "spacing": [[1, 1, 1]] * 3}
    modalities["pre"]["grid"] = {"files": 9, "size": [[8, 9, 16]] * 3, "spacing": [[1.02, 1.5, 2]] + [[1, 1, 1]] * 2}
    model = replace(model, training={**model.training, "modalities": modalities})
    evaluation = evaluate(model, labelled, resamples=10)
    hbp, pre = evaluation.drift.grids
    assert (hbp.other_size, hbp.other_spacing) == (0, 0)
    assert (pre.other_size, pre.other_spacing) == (0, 1)  # 1 mm, more than 1 % below 1.02
    page = render_evaluation(evaluation)
    assert "pre: outside of the range of training in spacing for 100.0 % of the files." in page
    assert "1.5 (1.02 to 2)" in page
    assert "hbp: outside" not in page


def test_a_run_describes_its_training_subjects_by_its_cohort(run, fitted, tmp_path):
    found = load_model(run.path, cache=run.cohort.path.parent)
    known = load_model(fitted).training
    assert found.training["class_counts"] == known["class_counts"]
    for name in ("hbp", "pre"):
        own, other = (facts["modalities"][name]["intensity"]["mean"]["quantiles"] for facts in (found.training, known))
        assert own == pytest.approx(other)
    assert not found.notes
    without = load_model(run.path, cache=tmp_path)
    assert not without.training
    assert f"the cohort of this run is not in {tmp_path}: predictions have no flags" in without.notes[0]


def test_drift_by_hand():
    training = Distribution(mean=0.0, sd=1.0, quantiles=(-2, -1.9, -1.5, -0.5, 0, 0.5, 1.5, 1.9, 2))
    # Means 2 apart, variances 0 and 1: 2 / sqrt(1/2).
    assert standardised_difference(np.array([2.0, 2.0]), training) == pytest.approx(2 * np.sqrt(2))
    # A quarter of training is below -0.5, nobody here: at least 0.25; half below 0, nobody here: 0.5; and so on.
    assert ks_bound(np.array([1.0, 1.2]), training) == pytest.approx(0.75)
    assert ks_bound(np.linspace(-2, 2, 5), training) == pytest.approx(0.2 - 0.01)
    atom = Distribution(mean=1.0, sd=0.0, quantiles=(1,) * 9)
    assert (ks_bound(np.ones(4), atom), standardised_difference(np.ones(4), atom)) == (0, 0)
    assert standardised_difference(np.full(4, 2.0), atom) is None


def cohort_of(patients, targets=None, columns=None):
    subjects = tuple(
        NewSubject(str(place), {}, {}, "", {name: values[place] for name, values in (columns or {}).items()})
        for place in range(len(patients))
    )
    return Labelled(subjects, np.asarray(targets or [0] * len(patients)), tuple(patients))


def test_patients_are_drawn_with_all_of_their_subjects():
    cohort = cohort_of(["a", "a", "a", "b"])
    drawn = Bootstrap(cohort, 200, 0.95, 0).resampled({"of a": lambda counts: counts[0], "same": lambda counts: (
        counts[0] - counts[2]), "size": lambda counts: counts[0] + counts[3]})  # fmt: skip
    assert set(drawn["of a"]) == {0, 1, 2}
    assert not drawn["same"].any()
    assert (drawn["size"] == 2).all()
    assert observed(cohort, lambda counts: counts.mean(axis=0)) == 1


def test_groups_by_values_and_by_thirds():
    numbers = [str(value) for value in range(11)] + ["", "NA"]
    found = subgroups(cohort_of("abcdefghijklm", columns={"age": numbers}), "age")
    assert {name: int(rows.sum()) for name, rows in found.items()} == {
        "0 to 3": 4, "4 to 6": 3, "7 to 10": 4, "unknown": 2,
    }  # fmt: skip
    few = subgroups(cohort_of("abc", columns={"stage": ["10", "2", "2"]}), "stage")
    assert list(few) == ["2", "10"]
    with pytest.raises(DataError, match="did you mean `stage`"):
        subgroups(cohort_of("abc", columns={"stage": ["1"] * 3}), "stages")


def test_the_page_says_it_all_and_escapes_it(evaluation):
    page = render_evaluation(evaluation)
    parts = PageParts(page)
    for words in ("Synthetic", "Drift of the inputs", "Decision curve", "DeLong's test", "of 15 patients", "intercept"):
        assert words.lower() in parts.words.lower()
    assert "<b>f</b>" not in page
    assert "sex: <b>f</b>" in parts.words
    assert not parts.all("script")
    assert not re.search(r"\bP\d+\b|" + re.escape(evaluation.predictions[0].subject), parts.words)


def test_the_files_hold_what_the_page_shows(evaluation, tmp_path):
    folder = write_evaluation(evaluation, tmp_path / "out")
    data = json.loads((folder / "evaluation.json").read_text())
    assert data["metrics"]["brier"]["value"] == evaluation.metrics["brier"].value
    assert evaluation.predictions[0].subject not in (folder / "evaluation.json").read_text()
    rows = list(csv.DictReader((folder / "predictions.csv").read_text().splitlines()))
    assert [tuple(float(row[f"p_{name}"]) for name in evaluation.classes) for row in rows] == [
        row.probabilities for row in evaluation.predictions
    ]
    assert "against_p_M0" in rows[0]
    write_evaluation(evaluation, folder)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("")
    with pytest.raises(UserError, match="something other"):
        write_evaluation(evaluation, tmp_path / "mine")


def test_the_command(fitted, labelled, tmp_path):
    arguments = [str(fitted), str(labelled), "--resamples", "20", "--positive", "M1"]
    shown = CliRunner().invoke(
        app, ["evaluate", *arguments, "--threshold", "sensitivity:0.9", "--to", str(tmp_path / "o")]
    )
    assert shown.exit_code == 0, shown.output
    assert "Synthetic" in shown.output
    assert (tmp_path / "o" / "report.html").is_file()
    found = CliRunner().invoke(app, ["evaluate", *arguments, "--json", "-q"])
    assert json.loads(found.stdout)["settings"]["positives"] == ["M1"]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"label": "lable"}, DataError, "did you mean `label`"),
        ({"by": ["scanner"]}, DataError, "no column `scanner`"),
        ({"positive": "M9"}, UserError, "no class 'M9'"),
        ({"threshold": "best"}, UserError, "is not a threshold"),
        ({"threshold": "costs:1"}, UserError, "is not a threshold"),
        ({"threshold": "1.5"}, UserError, "above 0 and below 1"),
        ({"resamples": 0}, UserError, "resamples"),
    ],
)
def test_bad_options(fitted, labelled, options, error, message):
    with pytest.raises(error, match=message):
        evaluate(load_model(fitted), labelled, **options)


def test_bad_labels_and_files(fitted, labelled, tmp_path):
    model = load_model(fitted)
    home = shutil.copytree(labelled.parent, tmp_path / "copy")
    table = home / labelled.name
    text = table.read_text()
    table.write_text(text.replace(",M0,", ",M7,", 1))
    with pytest.raises(DataError, match=r"column 'label': 'M7' is not one of the classes M0, M1, M2 \(line \d+\)"):
        evaluate(model, table)
    table.write_text(text)
    next(home.glob("*/hbp.nii.gz")).write_bytes(b"no image")
    with pytest.raises(DataError, match="hbp"):
        evaluate(model, table)
    found = evaluate(model, table, skip_errors=True, resamples=10)
    assert (found.subjects, len(found.unread)) == (29, 1)
    assert "1 subject could not be read" in PageParts(render_evaluation(found)).words


def test_one_class_alone_and_a_model_without_calibration(fitted, labelled, tmp_path):
    home = shutil.copytree(labelled.parent, tmp_path / "copy")
    table = home / labelled.name
    lines = table.read_text().splitlines()
    table.write_text("\n".join([lines[0], *(line for line in lines if ",M1," in line)]) + "\n")
    found = evaluate(replace(load_model(fitted), calibration=None), table, resamples=10)
    assert found.metrics["auc_ovo"].value is None
    assert found.sets is None
    assert found.one_class[0].operating.threshold == 0.5
    assert any("No subject here is of the class M0" in note for note in found.notes)
    assert "NaN" not in render_evaluation(found)
    with pytest.raises(UserError, match="not calibrated"):
        evaluate(replace(load_model(fitted), calibration=None), table, threshold="youden")
