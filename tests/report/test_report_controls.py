"""What a report says of null controls, and of subjects whom the teacher does not score."""

import json

import numpy as np
import pytest

from report.toy_run import CLASSES, make_run, write_all_predictions
from xdistill.cli.table import results_text
from xdistill.report.controls import find_controls, gain_over_controls
from xdistill.report.page import render_report
from xdistill.report.scores import agreement, missing_note, score_rows
from xdistill.runs import load_run
from xdistill.stats import FoldPredictions, Predictions

CONTROLS = ("shuffled_privileged", "constant_teacher", "label_smoothing", "self_distillation")


def alter(run, change):
    record = json.loads(run.folder.record.read_text(encoding="utf-8"))
    change(record)
    run.folder.record.write_text(json.dumps(record), encoding="utf-8")
    return load_run(run.path)


def as_control(run, control, of="0a1b2c3d4e5f"):
    def change(record):
        record["id"] = f"of-{control}"
        record["recipe"]["control"] = control
        record["control"] = {"use": control, "of": of}

    return alter(run, change)


def family(path, *, signal, control_signal):
    """A run and its four controls, where a run leaves them."""
    run = make_run(path / "toy" / "cmdnet" / "0a1b2c3d4e5f", signal=signal)
    for seed, control in enumerate(CONTROLS, start=1):
        folder = path / "toy" / f"cmdnet-control-{control}" / f"of-{control}"
        as_control(make_run(folder, signal=control_signal - 0.05 * seed), control)
    return run


def test_controls_are_found_beside_the_run(tmp_path):
    run = family(tmp_path, signal=0.7, control_signal=0.6)
    assert [control.control for control in find_controls(run)] == list(CONTROLS)
    other = make_run(tmp_path / "toy" / "cmdnet" / "other")
    other = alter(other, lambda record: record.update(id="other"))
    assert find_controls(other) == ()
    assert gain_over_controls(other) is None


def test_the_gain_over_the_best_control_is_stated(tmp_path):
    run = family(tmp_path, signal=1.6, control_signal=0.4)
    gain = gain_over_controls(run)
    best = gain.best
    assert best.control == max(gain.scores, key=lambda score: score.score.mean).control
    assert best.gain.estimate == pytest.approx(run.metrics["student"]["auc_ovo"].mean - best.score.mean)
    assert best.gain.low < best.gain.estimate < best.gain.high
    assert best.beaten
    assert "the student gains over it (+" in gain.sentence()
    assert gain.absent == ()
    page = render_report(run)
    assert "Null controls" in page
    assert "the student gains over it" in page
    assert "the student gains over it" in results_text(run)


def test_no_gain_is_said_to_be_none(tmp_path):
    run = family(tmp_path, signal=0.7, control_signal=0.75)
    gain = gain_over_controls(run)
    assert not gain.best.beaten
    assert "no gain over it that is more than chance" in gain.sentence()
    assert "no gain over it that is more than chance" in render_report(run)


def test_controls_that_were_not_run_are_named(tmp_path):
    run = make_run(tmp_path / "toy" / "cmdnet" / "0a1b2c3d4e5f")
    as_control(make_run(tmp_path / "toy" / "cmdnet-control-label_smoothing" / "x", signal=0.2), "label_smoothing")
    gain = gain_over_controls(run)
    assert gain.absent == ("shuffled privileged", "constant teacher", "self distillation")
    assert "Not run: shuffled privileged, constant teacher and self distillation." in render_report(run)


def test_where_no_interval_can_be_had_the_reason_is_told(tmp_path):
    run = make_run(tmp_path / "toy" / "cmdnet" / "0a1b2c3d4e5f")
    control = make_run(tmp_path / "toy" / "cmdnet-control-label_smoothing" / "x", fingerprint="6e" * 32)
    as_control(control, "label_smoothing")
    gain = gain_over_controls(run)
    assert gain.best.gain is None
    assert "has no interval" in gain.sentence()
    assert "cohort fingerprint" in gain.sentence()
    assert "has no interval" in render_report(run)


def test_a_control_is_plainly_labelled(tmp_path):
    run = as_control(make_run(tmp_path / "run"), "shuffled_privileged")
    assert run.name == "toy/cmdnet-control-shuffled_privileged"
    page = render_report(run)
    assert "Null control: shuffled privileged. This is not the method toy/cmdnet" in page
    assert "Null control, not the method" in results_text(run)
    assert gain_over_controls(run) is None


def test_a_teacher_that_scores_some_subjects_says_how_many(tmp_path):
    run = make_run(tmp_path / "run", subjects=180)

    def lacking(record):
        record["missing"] = {"use": "skip", "complete": 90, "tested": 180, "tested_by_teacher": 90}

    half = [
        fold
        if fold.role == "student"
        else FoldPredictions(
            fold.role, fold.repeat, fold.fold, fold.subjects[::2], fold.target[::2], fold.probabilities[::2]
        )
        for fold in run.predictions.folds
    ]
    write_all_predictions(run.path, Predictions(CLASSES, tuple(half)))
    run = alter(run, lacking)
    assert [row.label for row in score_rows(run)][:2] == ["Student", "Teacher, 90 of 180 subjects"]
    assert missing_note(run).startswith(
        "90 of 180 subjects lack something that only the teacher reads. They trained the student"
    )
    assert "Teacher, 90 of 180 subjects" in render_report(run)
    assert "by their labels alone" in results_text(run)
    student, teacher = (run.predictions.of(role)[0] for role in ("student", "teacher"))
    assert set(teacher.subjects) < set(student.subjects)
    assert 0 < agreement(run.predictions) < 1


def test_agreement_is_over_the_subjects_that_both_score():
    def fold(role, subjects, named):
        return FoldPredictions(role, 0, 0, subjects, np.zeros(len(subjects), dtype=np.int64), np.eye(2)[named])

    both = Predictions(
        ("no", "yes"), (fold("student", ("a", "b", "c"), [0, 1, 1]), fold("teacher", ("c", "b"), [1, 0]))
    )
    assert agreement(both) == 0.5


def test_a_teacher_without_a_score_is_said_to_have_none(tmp_path):
    run = make_run(tmp_path / "run")
    student = tuple(fold for fold in run.predictions.folds if fold.role == "student")
    write_all_predictions(run.path, Predictions(CLASSES, student))

    def lacking(record):
        record["missing"] = {"use": "leave_out", "complete": 9, "tested": 180, "tested_by_teacher": 0}

    page = render_report(alter(run, lacking))
    assert "The teacher has no score of its own." in page
    assert "not of every class in every fold" in page
