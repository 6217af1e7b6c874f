"""Figures that fit a task whose predictions are not probabilities of classes or labels: one file per task."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from xdistill.deployment.evaluate.result import Detail, Evaluation
from xdistill.deployment.evaluate.tasks.regression import regression_details, regression_sections
from xdistill.deployment.evaluate.tasks.scored import Scored
from xdistill.deployment.evaluate.tasks.survival import survival_details, survival_sections
from xdistill.report.tasks.section import Section

__all__ = ["Scored", "details", "sections"]


@dataclass(frozen=True)
class _OfTask:
    details: Callable[[Scored], Iterable[Detail]]
    sections: Callable[[Evaluation], Iterable[Section]]


_TASKS: Mapping[str, _OfTask] = {
    "regression": _OfTask(regression_details, regression_sections),
    "survival": _OfTask(survival_details, survival_sections),
}
"""By `Task.kind`."""


def details(scored: Scored) -> tuple[Detail, ...]:
    """What the task adds to its metrics, such as calibration."""
    found = _TASKS.get(scored.task.kind)
    return tuple(found.details(scored)) if found else ()


def sections(evaluation: Evaluation) -> tuple[Section, ...]:
    """The parts of the page with charts of the task."""
    found = _TASKS.get(evaluation.task.kind)
    return tuple(found.sections(evaluation)) if found else ()
