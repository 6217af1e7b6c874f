import numpy as np
import pytest

from report.toy_run import make_run
from xdistill.report.intervals import score_intervals
from xdistill.report.scores import (
    agreement,
    columns,
    majority_class,
    over_folds,
    pairs,
    primary_words,
    score_rows,
    spread_note,
    written,
)
from xdistill.stats import FoldPredictions, Method, Predictions, Summary, compare


def fold(role: str, number: int, target: list[int], probabilities: list[list[float]]) -> FoldPredictions:
    subjects = tuple(f"{number}-{index}" for index in range(len(target)))
    return FoldPredictions(role, 0, number, subjects, np.array(target), np.array(probabilities))


def test_majority_class_is_that_of_the_training_subjects():
    even = [[0.5, 0.5]]
    # Of fold 0's training subjects (fold 1) two of three are of class 1, of fold 1's three of four of class 0.
    predictions = Predictions(
        ("a", "b"), (fold("student", 0, [0, 0, 0, 1], even * 4), fold("student", 1, [0, 1, 1], even * 3))
    )
    values = majority_class(predictions)
    assert values["accuracy"].folds == pytest.approx((1 / 4, 1 / 3))
    assert values["auc_ovo"].folds == (0.5, 0.5)
    # Fold 0: p = (1/3, 2/3); three of class 0 are off by 2 (2/3)^2, one of class 1 by 2 (1/3)^2.
    assert values["brier"].folds[0] == pytest.approx((3 * 8 / 9 + 2 / 9) / 4)


def test_majority_class_of_a_single_fold_is_its_own():
    values = majority_class(Predictions(("a", "b"), (fold("student", 0, [0, 1, 1], [[0.5, 0.5]] * 3),)))
    assert values["accuracy"].folds == pytest.approx((2 / 3,))


def test_agreement_counts_subjects_and_not_positions():
    student = fold("student", 0, [0, 1, 1], [[0.9, 0.1], [0.9, 0.1], [0.1, 0.9]])
    teacher = FoldPredictions(
        "teacher", 0, 0, student.subjects[::-1], student.target[::-1], np.array([[0.2, 0.8], [0.2, 0.8], [0.7, 0.3]])
    )
    assert agreement(Predictions(("a", "b"), (student, teacher))) == pytest.approx(2 / 3)
    assert agreement(Predictions(("a", "b"), (student,))) is None


def test_figures_are_written_as_in_papers():
    assert written(Summary.of([0.60, 0.62, 0.64])) == "62.00 ± 2.00"
    assert written(Summary.of([0.81])) == "81.00"
    assert written(Summary.of([0.1, 0.2, 0.3]), percent=False) == "0.200 ± 0.100"
    assert written(None) == "–"  # noqa: RUF001 - the dash is the expectation


def test_two_folds_have_no_deviation(tmp_path):
    assert written(Summary.of([0.978, 0.978])) == "97.80"
    assert spread_note(make_run(tmp_path / "a", folds=2)) == (
        "Mean over 2 folds, which are too few for a standard deviation"
    )
    assert spread_note(make_run(tmp_path / "b", folds=1)) == "One fold, so there is no standard deviation"
    assert spread_note(make_run(tmp_path / "c")) == "Mean ± standard deviation (ddof 1) over 5 folds"


def test_a_model_without_a_teacher_is_called_what_it_reads(tmp_path):
    run = make_run(tmp_path, teacher=False)
    assert next(row.label for row in score_rows(run)) == "Model on hbp and pre"
    run.record["networks"]["student"]["inputs"] = ["clinical"]
    assert next(row.label for row in score_rows(run)) == "Model on clinical"


def test_two_classes_have_no_pairs(tmp_path):
    run = make_run(tmp_path, classes=("no", "yes"))
    assert pairs(run) == ()
    assert primary_words(run) == "AUC"
    assert [column.title for column in columns(run.task)] == [
        "AUC", "Sensitivity", "Specificity", "PPV", "NPV", "Accuracy", "Brier score", "ECE"
    ]  # fmt: skip
    *_, majority = score_rows(run)
    by_metric = {column.metric: column for column in columns(run.task)}
    # Everyone is predicted to be of one class, so that one of the predictive values has nothing to stand on.
    assert {majority.cell(by_metric[name]) for name in ("ppv", "npv")} == {"–", "50.00"}  # noqa: RUF001 - the dash


def test_intervals_are_those_of_a_comparison(tmp_path):
    run = make_run(tmp_path, subjects=60, folds=3)
    method = Method("a", "x", "y", {(0, fold): 40 for fold in range(3)}, (by_id(run.predictions),))
    (row,) = compare([method], reference="a", metrics=("auc_ovo",))["auc_ovo"]
    assert score_intervals(run, "student")["auc_ovo"] == row.interval
    assert set(score_intervals(run, "teacher")) == {"f1_macro", "accuracy", "auc_ovo", "balanced_accuracy"}
    (student, *_), column = score_rows(run), columns(run.task)[2]
    assert student.interval(column) == f"{100 * row.interval.low:.2f} to {100 * row.interval.high:.2f}"


def by_id(predictions):
    """The same, with the subjects of each fold in the order of their ids, as in a benchmark's record."""
    folds = []
    for one in predictions.folds:
        order = np.argsort(one.subjects)
        ids = tuple(one.subjects[place] for place in order)
        folds.append(FoldPredictions(one.role, one.repeat, one.fold, ids, one.target[order], one.probabilities[order]))
    return Predictions(predictions.task, tuple(folds))


def test_rows_are_networks_then_bounds_then_the_reference(tmp_path):
    run = make_run(tmp_path)
    rows = score_rows(run)
    assert [(row.label, row.kind) for row in rows] == [
        ("Student", "student"),
        ("Teacher", "teacher"),
        ("Best possible with image", "bound"),
        ("Best possible with image and clinical items", "bound"),
        ("Majority class", "reference"),
    ]
    by_metric = {column.metric: column for column in columns(run.task)}
    assert rows[2].cell(by_metric["auc_ovo"]) == "81.00"
    assert rows[2].cell(by_metric["accuracy"]) == "–"  # noqa: RUF001 - the dash is the expectation
    assert rows[4].cell(by_metric["auc_ovo"]) == "50.00"
    assert pairs(run) == ("MVI 0 vs MVI 1", "MVI 0 vs MVI 2", "MVI 1 vs MVI 2")
    assert over_folds(run) == "5 folds"


def test_folds_are_counted_with_their_repeats(tmp_path):
    assert over_folds(make_run(tmp_path / "a", repeats=3, folds=2)) == "6 folds (3 repeats)"
    assert over_folds(make_run(tmp_path / "b", folds=1)) == "one fold"
