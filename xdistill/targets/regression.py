"""Labels that are numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

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
from xdistill.tasks import Regression


class ReadRegression(TaskReader):
    """Regression: a column of numbers for each target.

    Networks learn targets with mean 0 and standard deviation 1 over the training subjects; predictions are in the
    units of the columns.
    """

    name = "regression"

    class Config(Settings):
        """Targets and their units."""

        targets: Annotated[tuple[str, ...], Field(min_length=1)] | None = Field(
            default=None, description="columns with the numbers to predict; null: the data set's label"
        )
        units: Mapping[str, str] = Field(default={}, description="unit of each target")

        @field_validator("units")
        @classmethod
        def _of_targets(cls, units: Mapping[str, str], info: ValidationInfo) -> Mapping[str, str]:
            targets = info.data.get("targets")
            unknown = sorted(set(units) - set(targets or units))
            if unknown:
                raise ValueError(f"{unknown[0]!r} is not one of the targets {', '.join(targets or ())}")
            return units

    config: Config

    def columns(self, label: str) -> tuple[str, ...]:
        """The targets."""
        return self.config.targets or (label,)

    def read(self, table: LabelTable) -> Labels:
        """A number per target."""
        targets = self.columns(table.label)
        task = Regression(targets, tuple(self.config.units.get(name, "") for name in targets))
        rows, problems = self._rows(table)
        problems += [
            f"column {name!r}: every subject has {table.cells(name)[0]}; there is nothing to predict"
            for name, numbers in zip(targets, zip(*rows, strict=True), strict=True)
            if len(set(numbers)) == 1 and math.isfinite(numbers[0])
        ]
        problems += [problem] if (problem := task.problem()) else []
        if problems:
            raise LabelsError(problems)
        return Labels(task, rows)

    @classmethod
    def for_task(cls, task: Any, columns: Sequence[str] = ()) -> ReadRegression:
        """The targets of the task."""
        check_columns(columns, len(task.targets), f"there is one for each target ({', '.join(task.targets)})")
        return cls(cls.Config(targets=tuple(columns) or task.targets))

    def targets(self, table: LabelTable) -> tuple[tuple[float, ...], ...]:
        """A number per target."""
        rows, problems = self._rows(table)
        if problems:
            raise LabelsError(problems)
        return rows

    def _rows(self, table: LabelTable) -> tuple[tuple[tuple[float, ...], ...], list[str]]:
        """A number per subject and target, NaN where there is none, and what is wrong."""
        targets = self.columns(table.label)
        columns = [numbers_of(name, table.cells(name)) for name in targets]
        problems = table.missing(targets)
        for name, numbers in zip(targets, columns, strict=True):
            rows = [row for row, cell in enumerate(table.cells(name)) if cell and not math.isfinite(numbers[row])]
            problems += table.others(name, rows, "a number")
        return tuple(zip(*columns, strict=True)), problems
