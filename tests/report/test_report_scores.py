import numpy as np
import pytest

from report.toy_run import make_run
from xdistill.report.scores import agreement, columns, majority_class, over_folds, pairs, score_rows, written
from xdistill.stats import FoldPredictions, Predictions, Summary
from xdistill.tasks import Classification


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
    assert written(Summary.of([0.60, 0.64])) == "62.00 ± 2.83"
    assert written(Summary.of([0.81])) == "81.00"
    assert written(Summary.of([0.1, 0.2]), percent=False) == "0.150 ± 0.071"
    assert written(None) == "–"  # noqa: RUF001 - the dash is the expectation


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
    by_metric = {column.metric: column for column in columns(Classification)}
    assert rows[2].cell(by_metric["auc_ovo"]) == "81.00"
    assert rows[2].cell(by_metric["accuracy"]) == "–"  # noqa: RUF001 - the dash is the expectation
    assert rows[4].cell(by_metric["auc_ovo"]) == "50.00 ± 0.00"
    assert pairs(run) == ("MVI 0 vs MVI 1", "MVI 0 vs MVI 2", "MVI 1 vs MVI 2")
    assert over_folds(run) == "5 folds"


def test_folds_are_counted_with_their_repeats(tmp_path):
    assert over_folds(make_run(tmp_path / "a", repeats=3, folds=2)) == "6 folds (3 repeats)"
    assert over_folds(make_run(tmp_path / "b", folds=1)) == "one fold"
