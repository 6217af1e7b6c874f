"""What the page shows of the predictions of other tasks than classification: one file per task."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from xdistill.report.tasks.multi_label import multi_label_sections
from xdistill.report.tasks.regression import regression_sections
from xdistill.report.tasks.section import Section
from xdistill.report.tasks.survival import survival_sections
from xdistill.runs import Run

SECTIONS: Mapping[str, Callable[[Run], tuple[Section, ...]]] = {
    "regression": regression_sections,
    "multi_label": multi_label_sections,
    "survival": survival_sections,
}
"""By `Task.kind`."""


def task_sections(run: Run) -> tuple[Section, ...]:
    """The sections of the run's task; none for classification, whose figures the page has itself."""
    make = SECTIONS.get(run.task.kind)
    return make(run) if make else ()
