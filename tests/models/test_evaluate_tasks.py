"""Evaluation of regressions, survival and several labels: figures against libraries, labels, and pages."""

from types import SimpleNamespace

import numpy as np
import pytest
from sksurv.linear_model import CoxPHSurvivalAnalysis
from sksurv.nonparametric import kaplan_meier_estimator

from report.page_parts import PageParts
from xdistill.deployment.evaluate import render_evaluation
from xdistill.deployment.evaluate.cohort import Labelled
from xdistill.deployment.evaluate.comparison import compared, same_task
from xdistill.deployment.evaluate.external import _mirrored, _predictions
from xdistill.deployment.evaluate.facts import notes_of
from xdistill.deployment.evaluate.intervals import Bootstrap
from xdistill.deployment.evaluate.labels import read_targets
from xdistill.deployment.evaluate.result import Evaluation
from xdistill.deployment.evaluate.scores import confusion, one_class, standard_metrics
from xdistill.deployment.evaluate.tasks import Scored, details
from xdistill.deployment.evaluate.tasks.regression import calibration_line
from xdistill.deployment.evaluate.tasks.survival import cox_slope, observed_survival
from xdistill.errors import DataError, UserError
from xdistill.models.subject import NewSubject, Predicted
from xdistill.stats.metrics import METRICS
from xdistill.tasks import Classification, MultiLabel, Ordinal, Regression, Survival

RNG = np.random.default_rng(0)
SUBJECTS = 40


def cohort_of(targets, patients=None):
    subjects = tuple(NewSubject(f"s{row}", {}, {}, f"t.csv, line {row + 2}", {}) for row in range(len(targets)))
    return Labelled(subjects, np.asarray(targets), tuple(patients or (f"s s{row}" for row in range(len(targets)))))


def model_of(task, labels=None):
    return SimpleNamespace(
        schema=SimpleNamespace(task=task),
        config=SimpleNamespace(labels=labels),
        calibration=None,
        notes=(),
        name="m",
    )


def repeated(counts):
    """The subjects of one resample, one by one."""
    return np.repeat(np.arange(len(counts)), counts.astype(int))


def test_calibration_of_numbers_is_the_least_squares_line():
    true, predicted = RNG.normal(50, 5, SUBJECTS), RNG.normal(50, 3, SUBJECTS)
    counts = RNG.integers(0, 3, (SUBJECTS, 4)).astype(float)
    slopes, intercepts = calibration_line(true, predicted, counts)
    for drawn, slope, intercept in zip(counts.T, slopes, intercepts, strict=True):
        rows = repeated(drawn)
        assert np.polyfit(predicted[rows], true[rows], 1) == pytest.approx([slope, intercept])
    assert np.isnan(calibration_line(true, np.full(SUBJECTS, 3.0), counts)[0]).all()


def survival():
    """Targets with ties, and risks that say something about them."""
    risk = RNG.normal(size=SUBJECTS)
    time = np.ceil(5 * RNG.exponential(np.exp(-0.8 * risk))) + 1
    return np.stack([time, RNG.random(SUBJECTS) < 0.7], axis=1), risk


def test_the_slope_of_risks_is_that_of_coxs_regression():
    target, risk = survival()
    counts = np.column_stack([np.ones(SUBJECTS), RNG.integers(0, 3, SUBJECTS)])
    for drawn, slope in zip(counts.T, cox_slope(target, risk, counts), strict=True):
        rows = repeated(drawn)
        outcome = np.array([(event == 1, time) for time, event in target[rows]], dtype=[("e", bool), ("t", float)])
        expected = CoxPHSurvivalAnalysis(ties="breslow").fit(risk[rows][:, None], outcome).coef_[0]
        assert slope == pytest.approx(expected, rel=1e-4)
    assert np.isnan(cox_slope(np.array([[1.0, 0.0], [2.0, 0.0]]), np.arange(2.0), np.ones((2, 1))))


def test_survival_of_a_group_is_kaplan_and_meiers():
    target, risk = survival()
    rows, until = risk > 0, float(np.median(target[:, 0]))
    counts = np.column_stack([np.ones(SUBJECTS), RNG.integers(0, 3, SUBJECTS)])
    for drawn, value in zip(counts.T, observed_survival(target, rows, until)(counts), strict=True):
        chosen = np.array([row for row in repeated(drawn) if rows[row]])
        times, shares = kaplan_meier_estimator(target[chosen, 1] == 1, target[chosen, 0])
        assert value == pytest.approx(shares[times <= until][-1])


def evaluation_of(task, targets, predictions, intervals=None):
    """What `evaluate` returns, without a model."""
    cohort, model = cohort_of(targets), model_of(task)
    bootstrap = Bootstrap(cohort, 20, 0.95, 0)
    ends = None if intervals is None else np.array(intervals)
    metrics = standard_metrics(task, cohort.targets, predictions)
    rows = [
        Predicted(f"s{at}", probabilities=tuple(row), intervals=None if ends is None else tuple(map(tuple, ends[at])))
        for at, row in enumerate(predictions.tolist())
    ]
    outcomes = task.outcomes(cohort.targets)
    return Evaluation(
        model={"name": "m", "inputs": ["a"], "privileged": [], "members": 1, "folder": "", "cohort": "c",
               "training_subjects": None, "fingerprint": None, "against": None, "synthetic": False},
        synthetic=False, table="t.csv", table_sha256="0", task=task, classes=(), counts=task.counts(cohort.targets),
        subjects=len(targets), patients=len(targets), unread=(),
        settings={"label": ["y"], "by": [], "positives": [], "interval": 0.95, "resamples": 20, "seed": 0},
        metrics=bootstrap.estimates(metrics), confusion=confusion(task, cohort.targets, predictions),
        one_class=() if outcomes is None else tuple(
            one_class(bootstrap, outcomes[:, at], predictions[:, at], name, called=None, against=None)
            for at, name in enumerate(task.names)
        ),
        details=details(Scored(task, bootstrap, predictions, ends, 0.9)),
        sets=None, subgroups=(),
        comparison=compared(bootstrap, predictions, predictions, task=task, positives=[], name="again"),
        drift=None, notes=tuple(notes_of(model, cohort, predictions)) if cohort.subjects[0].row else (), versions={},
        predictions=_predictions(model, cohort, rows),
    )  # fmt: skip


def test_a_regression_of_two_targets():
    task = Regression(("hba", "<i>crp</i>"), ("%", "mg/L"))
    targets = RNG.normal(5, 1, (SUBJECTS, 2))
    predictions = targets + RNG.normal(0.5, 0.1, (SUBJECTS, 2))
    found = evaluation_of(task, targets, predictions, np.stack([predictions - 0.5, predictions + 9], axis=2))
    for name in ("r2", "pearson"):
        assert found.metrics[name].value == pytest.approx(METRICS[name](targets, predictions, task.names))
    figures = {(item.of, item.title): item for item in found.details}
    assert figures["hba", "Mean error"].estimate.value == pytest.approx((predictions - targets)[:, 0].mean())
    covered = (predictions[:, 0] - 0.5 <= targets[:, 0]).mean()
    assert figures["hba", "In the 90 % interval"].estimate.value == pytest.approx(covered)
    assert figures["<i>crp</i>", "MAE"].unit == "mg/L"
    assert all(item.p_value == 1 for item in found.comparison.metrics.values())
    page = render_evaluation(found)
    assert "<i>crp</i>" not in page
    assert "Calibration slope" in PageParts(page).words
    assert "ROC" not in page
    assert found.to_json()["task"]["kind"] == "regression"


def test_survival_in_discrete_time():
    task = Survival("discrete", (2.0, 4.0, 8.0), "days")
    target, risk = survival()
    share = np.exp(-np.exp(risk)[:, None] * np.array([0.05, 0.1, 0.2]))
    found = evaluation_of(task, target, np.column_stack([risk, share]))
    for name, estimate in found.metrics.items():
        assert estimate.value == pytest.approx(METRICS[name](target, np.column_stack([risk, share]), task.names))
        assert estimate.low <= estimate.value <= estimate.high
    assert set(found.comparison.metrics) == {"concordance", "time_dependent_auc", "integrated_brier"}
    groups = [item for item in found.details if item.title == "Events"]
    assert sum(item.estimate.value for item in groups) == target[:, 1].sum()
    assert {"Without an event after 4 days, observed", "Without an event after 4 days, predicted"} <= {
        item.title for item in found.details
    }
    assert "Survival by predicted risk" in render_evaluation(found)


def test_several_labels_are_one_against_the_others_each():
    task = MultiLabel(("a", "b"))
    targets = (RNG.random((SUBJECTS, 2)) < 0.5).astype(int)
    predictions = np.clip(0.3 * targets + RNG.random((SUBJECTS, 2)) * 0.7, 0, 1)
    found = evaluation_of(task, targets, predictions)
    assert np.mean([one.auc.value for one in found.one_class]) == pytest.approx(found.metrics["label_auc"].value)
    assert not _mirrored(task)  # two labels are two questions
    assert _mirrored(Classification(("a", "b")))
    assert found.predictions[0].target == task.target_text(targets[0])


def rows_with(**columns):
    count = len(next(iter(columns.values())))
    return [
        NewSubject(str(at), {}, {}, f"t.csv, line {at + 2}", {name: cells[at] for name, cells in columns.items()})
        for at in range(count)
    ]


def test_labels_are_read_as_the_recipe_reads_them(tmp_path):
    table = tmp_path / "t.csv"
    task = Survival()
    block = {"use": "survival", "time": "days", "event": "died"}
    rows = rows_with(days=["3", "4.5"], died=["no", "No"], label=["3.0+", "4.5"], weeks=["1", "2"])
    assert read_targets(model_of(task, block), rows, table) == (((3.0, 0.0), (4.5, 0.0)), ("days", "died"))
    assert read_targets(model_of(task), rows, table) == ([(3.0, 0.0), (4.5, 1.0)], ("label",))  # as data export writes
    assert read_targets(model_of(task), rows, table, ["weeks", "died"])[0] == ((1.0, 0.0), (2.0, 0.0))
    with pytest.raises(UserError, match="names 1 columns"):
        read_targets(model_of(task), rows, table, ["weeks"])
    lists = rows_with(found=["a;b", "none"])
    assert read_targets(model_of(MultiLabel(("a", "b"))), lists, table, ["found"])[0] == ((1, 1), (0, 0))
    numbers = rows_with(y=["5", "n/a", "high"])
    with pytest.raises(DataError, match=r"label is missing \(line 3\)\n.*'high' is not a number \(line 4\)"):
        read_targets(model_of(Regression(("y",))), numbers, table)
    grades = rows_with(grade=["M0", "M2"])
    ordinal = model_of(
        Ordinal(("M0", "M1", "M2")), {"use": "ordinal", "classes": ["M0", "M1", "M2"], "column": "grade"}
    )
    assert read_targets(ordinal, grades, table)[0] == (0, 2)


def test_models_of_different_tasks_are_not_compared():
    with pytest.raises(UserError, match="predict different things"):
        same_task(model_of(Regression(("a",))), model_of(Classification(("a", "b"))))
    assert same_task(model_of(Classification(("a", "b"))), model_of(Classification(("b", "a")))) == [1, 0]
