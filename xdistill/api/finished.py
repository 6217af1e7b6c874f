"""Finished runs, read from their folders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xdistill.report.on_request import Figures
from xdistill.runs import Run
from xdistill.runs import load_run as _load_run

if TYPE_CHECKING:
    from xdistill.data import Cohort
    from xdistill.stats import MetricFunction


@dataclass(frozen=True)
class FinishedRun(Run):
    """A finished run: ``predictions``, ``metrics``, ``summary``, ``history``, and ``figures``."""

    cohort: Cohort | None = None

    @cached_property
    def figures(self) -> Figures:
        """The figures of the report."""
        return Figures(self, self.cohort)

    def write_report(self, *, show_subjects: bool = False) -> Path:
        """Write ``report.html`` into the run's folder and return its path."""
        from xdistill.report import write_report

        return write_report(self, cohort=self.cohort, show_subjects=show_subjects)


def load_run(path: Path | str, *, cohort: Path | str | None = None, plugins: Sequence[Path | str] = ()) -> FinishedRun:
    """The finished run in a folder.

    Args:
        path: the run's folder.
        cohort: its cohort file, for pictures of volumes; None: without.
        plugins: as for `run`; only needed if the recipe names metrics from such a file.

    Raises:
        RunError: if there is no run, if it is not finished, or if it has an unknown format version.
    """
    from xdistill.data import open_cohort
    from xdistill.plugin.importing import selected

    found = _load_run(path)
    with selected(files=plugins):
        extra = _extra_metrics(found.record["recipe"].get("metrics") or ())
    return FinishedRun(found.path, found.record, extra, None if cohort is None else open_cohort(Path(cohort)))


def _extra_metrics(blocks: Sequence[Mapping[str, Any]]) -> dict[str, MetricFunction]:
    """The plugins' metrics that the recipe names; plugins are only loaded if there are any."""
    if not blocks:
        return {}
    from xdistill.interfaces.component import choose
    from xdistill.interfaces.metric import Metric
    from xdistill.plugin import load_catalog

    installed = load_catalog()
    return {str(block["use"]): choose(Metric, block, installed).build() for block in blocks}
