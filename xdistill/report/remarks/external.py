"""The external test cohort in the result table."""

from __future__ import annotations

from collections.abc import Collection

from xdistill.runs import Run
from xdistill.runs.external import ENSEMBLE, STUDENT, external_result
from xdistill.stats import Interval, Summary

Row = tuple[str, dict[str, Summary], dict[str, Interval]]


def external_rows(run: Run, called: str, intervals: Collection[str] | None = None) -> tuple[Row, ...]:
    """Label, scores and intervals: of the students of the folds, and of the mean of their predictions.

    Args:
        run: a finished run.
        called: what the tested network is called, such as ``student``.
        intervals: metrics of which the rows have intervals; None: all.
    """
    result = external_result(run)
    if result is None:
        return ()
    labels = {
        STUDENT: f"{called.capitalize()}, external",
        ENSEMBLE: f"Mean of {len(result.folds[STUDENT])} {called}s, external",
    }
    return tuple((labels[role], values, result.intervals(role, intervals)) for role, values in result.metrics.items())


def external_note(run: Run) -> str:
    """What the external rows are; empty if the recipe has no external test cohort."""
    external = run.record.get("external")
    if not external:
        return ""
    synthetic = " It is synthetic: no patient is real." if external.get("synthetic") else ""
    return (
        f"External: {external['title']}, {external['subjects']:,} subjects of {external['patients']:,} patients, none "
        f"of whom was trained on. Every fold's network predicts all of them; intervals are from resampling these "
        f"patients.{synthetic}"
    )
