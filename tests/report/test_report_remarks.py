"""Remarks beside the scores, and when a page is drawn again."""

import pytest

from report.toy_run import make_run
from xdistill.cli.table import results_text
from xdistill.report import page, write_report
from xdistill.report.remarks.current import is_current, stamped
from xdistill.report.remarks.teacher import teacher_note
from xdistill.report.remarks.unlabelled import unlabelled_note
from xdistill.runs.checksums import write_checksums


def test_a_teacher_below_its_student_is_remarked(tmp_path):
    run = make_run(tmp_path / "worse", signal=-0.7, subjects=60)
    student, teacher = (100 * run.metrics[role]["auc_ovo"].mean for role in ("student", "teacher"))
    assert teacher < student
    note = teacher_note(run)
    assert note.startswith(
        f"The teacher scores below its student (Macro OvO AUC {teacher:.2f} against {student:.2f}): in this run"
    )
    assert note in results_text(run)
    assert teacher_note(make_run(tmp_path / "better", subjects=60)) == ""
    assert teacher_note(make_run(tmp_path / "alone", teacher=False, subjects=60)) == ""


def test_subjects_without_a_label_are_counted(tmp_path):
    run = make_run(tmp_path / "run", subjects=60)
    assert unlabelled_note(run) == ""
    run.record["cohort"]["unlabelled"] = 7
    assert unlabelled_note(run).startswith("7 of 60 subjects have no label: no score counts them; the student learned")
    assert unlabelled_note(run) in results_text(run)
    run.record["recipe"]["unlabelled"] = {"use": "leave_out"}
    assert unlabelled_note(run).endswith("no score counts them; they were left out of training.")


def test_a_page_that_was_changed_or_is_of_another_source_is_not_current(tmp_path):
    path, source = tmp_path / "report.html", "0a" * 32
    assert not is_current(path, source)
    path.write_text(stamped("<html>é</html>\n", source), encoding="utf-8")
    assert is_current(path, source)
    assert not is_current(path, "0b" * 32)
    path.write_text(path.read_text(encoding="utf-8").replace("é", "e"), encoding="utf-8")
    assert not is_current(path, source)
    assert stamped("page", "") == "page"
    assert not is_current(path, "")


def test_a_page_is_drawn_again_only_if_something_changed(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(page, "render_report", lambda *_, **options: f"{drawn.append(options) or len(drawn)}\n")
    run = make_run(tmp_path / "toy" / "run", subjects=60)
    for _ in range(2):  # without checksums nothing tells whether the page is current
        write_report(run)
    assert len(drawn) == 2
    write_checksums(run.path, ["predictions.csv"])
    for _ in range(2):
        write_report(run)
    assert len(drawn) == 3
    write_report(run, show_subjects=True)
    write_report(run)
    assert len(drawn) == 5
    control = make_run(tmp_path / "toy-control-label_smoothing" / "control", subjects=60)
    write_checksums(control.path, ["predictions.csv"])
    write_report(run)
    assert len(drawn) == 6
    run.folder.report.write_text("an old page")
    assert write_report(run).read_text(encoding="utf-8").startswith("7\n<!-- made of ")
    write_report(run)
    assert len(drawn) == 7


@pytest.mark.parametrize("teacher", [True, False])
def test_intervals_of_one_metric_are_those_of_all(tmp_path, teacher):
    from xdistill.report.intervals import score_intervals

    run = make_run(tmp_path / "run", subjects=60, teacher=teacher)
    everything = score_intervals(run, "student")
    assert score_intervals(run, "student", ["auc_ovo"]) == {"auc_ovo": everything["auc_ovo"]}
