"""The standard metrics of a task."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Score:
    """A standard metric of a task.

    Attributes:
        name: of the metric, as in a run's summary.
        title: for tables.
        higher_is_better: the direction.
        percent: whether tables show it in percent.
        words: for sentences; empty: the title.
        unit: of the value, such as ``mmol/L``; empty if it has none.
    """

    name: str
    title: str
    higher_is_better: bool = True
    percent: bool = True
    words: str = ""
    unit: str = ""
