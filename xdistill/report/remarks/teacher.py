"""A remark on a teacher that scores below its student."""

from __future__ import annotations

from xdistill.runs import Run


def teacher_note(run: Run) -> str:
    """What it means that the teacher's mean score is below the student's; empty if it is not, or they cannot compare.

    They are compared by the metric that ranks, on the same test subjects.
    """
    student, teacher = (run.metrics.get(role, {}).get(run.task.primary) for role in ("student", "teacher"))
    if student is None or teacher is None or run.control or _scores_fewer(run):
        return ""
    score = next(score for score in run.task.scores if score.name == run.task.primary)
    worse = teacher.mean < student.mean if score.higher_is_better else teacher.mean > student.mean
    if not worse:
        return ""
    factor = 100 if score.percent else 1
    return (
        f"The teacher scores below its student ({score.title} {factor * teacher.mean:.2f} against "
        f"{factor * student.mean:.2f}): in this run, what it sees in addition shows no advantage to teach. Train "
        f"it longer or alone first, or ask `xdistill diagnose` whether distillation can help."
    )


def _scores_fewer(run: Run) -> bool:
    """Whether the teacher scores only some of the student's test subjects."""
    missing = run.record.get("missing") or {}
    return int(missing.get("tested_by_teacher", 0)) < int(missing.get("tested", 0))
