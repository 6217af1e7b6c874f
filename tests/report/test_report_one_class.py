"""A network that predicts one class for everybody is named where its scores are."""

from dataclasses import replace

import numpy as np

from report.page_parts import PageParts
from report.toy_run import make_run, write_all_predictions
from xdistill.cli.table import results_text
from xdistill.report import render_report
from xdistill.report.scores import one_class_notes
from xdistill.runs import load_run
from xdistill.stats import Predictions


def biased(run, folds, role="student"):
    """The run, whose network gives the first class 0.9 and keeps the order of the others' probabilities."""
    changed = tuple(
        replace(fold, probabilities=0.1 * fold.probabilities + np.array([0.9, 0, 0]))
        if fold.role == role and fold.fold in folds
        else fold
        for fold in run.predictions.folds
    )
    write_all_predictions(run.path, Predictions(run.task, changed))
    return load_run(run.path)


def test_said_in_the_page_and_on_the_terminal(tmp_path):
    run = make_run(tmp_path / "run", subjects=60, folds=3)
    assert one_class_notes(run) == ()
    run = biased(run, folds={0, 1, 2})
    (note,) = one_class_notes(run)
    assert note.startswith("The student predicts the class MVI 0 for every test subject: its accuracy there is the")
    assert run.metrics["student"]["auc_ovo"].mean > 0.6
    assert note in results_text(run)
    assert note in PageParts(render_report(run)).words


def test_said_of_single_folds_and_of_each_network(tmp_path):
    run = biased(make_run(tmp_path / "run", subjects=60, folds=3), folds={1})
    run = biased(run, folds={0, 2}, role="teacher")
    student, teacher = one_class_notes(run)
    assert student.startswith("The student predicts one class for every test subject of 1 of 3 folds (MVI 0)")
    assert teacher.startswith("The teacher predicts one class for every test subject of 2 of 3 folds (MVI 0)")


def test_names_of_classes_are_escaped(tmp_path):
    run = make_run(tmp_path / "run", classes=("<b>a</b>", "b", "c"), subjects=30, folds=2)
    assert "<b>a</b>" not in render_report(biased(run, folds={0, 1}))
