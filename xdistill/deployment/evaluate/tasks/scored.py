"""What figures of a task are computed from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xdistill.deployment.evaluate.intervals import Bootstrap
from xdistill.deployment.evaluate.result import Detail, Estimate
from xdistill.stats.areas import Floats
from xdistill.tasks import Task


@dataclass(frozen=True)
class Scored:
    """Subjects with predictions.

    Attributes:
        task: of the model.
        bootstrap: with the subjects.
        predictions: ``(subjects, columns)``.
        ends: lower and upper ends of prediction intervals ``(subjects, names, 2)``; None if the model has none.
        level: of these intervals.
    """

    task: Task
    bootstrap: Bootstrap
    predictions: Floats
    ends: Floats | None
    level: float

    @property
    def targets(self) -> NDArray[Any]:
        """Of the subjects."""
        return self.bootstrap.cohort.targets


def table_of(details: tuple[Detail, ...], first: str) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Heads and rows of a table with a row for each `Detail.of` and a column for each title."""
    titles = list(dict.fromkeys(detail.title for detail in details))
    rows: dict[str, dict[str, str]] = {}
    for detail in details:
        rows.setdefault(detail.of, {})[detail.title] = written(detail)
    return (first, *titles), tuple((name, *(row.get(title, "") for title in titles)) for name, row in rows.items())


def written(detail: Detail) -> str:
    """``44.1 (40.3 to 48.2) points``: the estimate with its interval and unit."""
    estimate, unit = detail.estimate, " %" if detail.percent else f" {detail.unit}" if detail.unit else ""
    if estimate.value is None:
        return "–"  # noqa: RUF001 - a dash where a table has no figure
    if detail.percent:
        estimate = Estimate(
            *(None if end is None else 100 * end for end in (estimate.value, estimate.low, estimate.high))
        )
    if estimate.low is None and estimate.value == round(estimate.value):
        return f"{estimate.value:.0f}{unit}"  # a count
    digits = _digits(estimate)
    value = f"{estimate.value:.{digits}f}"
    if estimate.low is None or estimate.high is None:
        return value + unit
    return f"{value} ({estimate.low:.{digits}f} to {estimate.high:.{digits}f}){unit}"


def _digits(estimate: Estimate) -> int:
    """Decimals for three digits of the largest part."""
    known = [abs(end) for end in (estimate.value, estimate.low, estimate.high) if end is not None and np.isfinite(end)]
    largest = max(known, default=0.0)
    return 3 if largest == 0 else int(np.clip(2 - np.floor(np.log10(largest)), 0, 6))
