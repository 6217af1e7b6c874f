"""Labels that are a time and whether something happened then."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Any, Final

from pydantic import Field, ValidationInfo, field_validator

from xdistill.interfaces.component import Settings
from xdistill.interfaces.labels import (
    Labels,
    LabelsError,
    LabelTable,
    TaskReader,
    check_columns,
)
from xdistill.targets.numbers import numbers_of
from xdistill.tasks.hazards import quantiles
from xdistill.tasks.survival import BINS, Method, Survival

Time = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_HAPPENED: Final = frozenset({"1", "1.0", "yes", "true"})
_CENSORED: Final = frozenset({"0", "0.0", "no", "false"})


class ReadSurvival(TaskReader):
    """Survival: a column with the time, and one that says whether the event happened then or the subject was censored.

    With ``cox`` the network has one output, a log hazard. With ``discrete`` it has one per bin of time, and predicts
    the probability of no event up to each cut point.
    """

    name = "survival"

    class Config(Settings):
        """Columns, method and cut points."""

        time: str = Field(description="column with the time until the event or the end of observation, above 0")
        event: str = Field(description="column with 1, yes or true for an event, and 0, no or false for censoring")
        method: Method = Field(default="cox", description="Cox's proportional hazards, or discrete time")
        bins: Annotated[int, Field(ge=2, le=200)] = Field(
            default=BINS, description="bins of discrete time, with as many events in each"
        )
        cuts: tuple[Time, ...] | None = Field(
            default=None, description="ends of the bins, ascending, in the unit of time; null: by `bins`"
        )
        unit: str = Field(default="", description="of time, such as days")

        @field_validator("cuts")
        @classmethod
        def _ascending(cls, cuts: tuple[float, ...] | None, info: ValidationInfo) -> tuple[float, ...] | None:
            if cuts is not None and info.data.get("method") == "cox":
                raise ValueError("Cox's model has no cut points; set `method: discrete`, or leave `cuts` out")
            if cuts is not None and (len(cuts) < 2 or any(one >= other for one, other in pairwise(cuts))):  # noqa: PLR2004
                raise ValueError("at least two cut points are needed, in ascending order")
            return cuts

    config: Config

    def columns(self, label: str) -> tuple[str, ...]:
        """Time and event."""
        del label
        return (self.config.time, self.config.event)

    def read(self, table: LabelTable) -> Labels:
        """A time and a zero or a one, which is an event for some."""
        targets = self.targets(table)
        numbers, happened = ([target[place] for target in targets] for place in (0, 1))
        if not any(happened):
            problem = (
                f"column {self.config.event!r}: no subject has an event, all {len(happened)} are censored; there is "
                f"nothing to learn from; check which value means an event"
            )
            raise LabelsError([problem])
        task = Survival(self.config.method, self._cuts(numbers, happened), self.config.unit)
        if problem := task.problem():
            raise LabelsError([f"column {self.config.time!r}: {problem}; set `cuts`, or `method: cox`"])
        return Labels(task, targets)

    @classmethod
    def for_task(cls, task: Any, columns: Sequence[str] = ()) -> ReadSurvival:
        """Time and event, in columns of these names unless others are named."""
        del task
        check_columns(columns, 2, "there are two, with the time and with the event")
        time, event = columns or ("time", "event")
        return cls(cls.Config(time=time, event=event))

    def targets(self, table: LabelTable) -> tuple[tuple[float, float], ...]:
        """A time and a zero or a one."""
        numbers = numbers_of(self.config.time, table.cells(self.config.time))
        happened = [float(cell.lower() in _HAPPENED) for cell in table.cells(self.config.event)]
        problems = table.missing(self.columns(table.label))
        problems += _wrong_times(table, self.config.time, numbers)
        problems += _wrong_events(table, self.config.event)
        if problems:
            raise LabelsError(problems)
        return tuple(zip(numbers, happened, strict=True))

    def _cuts(self, times: Sequence[float], happened: Sequence[float]) -> tuple[float, ...]:
        if self.config.method == "cox":
            return ()
        return self.config.cuts or quantiles(times, happened, self.config.bins)


def _wrong_times(table: LabelTable, column: str, numbers: Sequence[float]) -> list[str]:
    cells = table.cells(column)
    words = [row for row, cell in enumerate(cells) if cell and not math.isfinite(numbers[row])]
    early = [row for row, number in enumerate(numbers) if number <= 0]
    return [
        *table.others(column, words, "a number"),
        *table.others(column, early, "above 0, as the time until an event must be"),
    ]


def _wrong_events(table: LabelTable, column: str) -> list[str]:
    known = _HAPPENED | _CENSORED
    rows = [row for row, cell in enumerate(table.cells(column)) if cell and cell.lower() not in known]
    return table.others(column, rows, "an event (1, yes, true) or censoring (0, no, false)")
