"""What figures of a task are computed from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xdistill.deployment.evaluate.intervals import Bootstrap
from xdistill.deployment.evaluate.result import Detail
from xdistill.deployment.evaluate.text import NOTHING
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
    unit = " %" if detail.percent else f" {detail.unit}" if detail.unit else ""
    factor = 100 if detail.percent else 1
    estimate = detail.estimate
    if estimate.value is None:
        return NOTHING
    value = factor * estimate.value
    if estimate.low is None or estimate.high is None:
        return f"{value:.0f}{unit}" if value == round(value) else f"{value:.{_digits(value)}f}{unit}"  # a count
    low, high = factor * estimate.low, factor * estimate.high
    digits = _digits(value, low, high)
    return f"{value:.{digits}f} ({low:.{digits}f} to {high:.{digits}f}){unit}"


def _digits(*values: float) -> int:
    """Decimals for three digits of the largest value."""
    largest = max((abs(value) for value in values if np.isfinite(value)), default=0.0)
    return 3 if largest == 0 else int(np.clip(2 - np.floor(np.log10(largest)), 0, 6))
