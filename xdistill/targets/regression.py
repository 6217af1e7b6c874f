"""Labels that are numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from xdistill.interfaces.component import Settings
from xdistill.interfaces.labels import Labels, LabelsError, LabelTable, TaskReader, missing_problems, other_problems
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
        columns = [[_number(cell) for cell in table.cells(name)] for name in targets]
        problems = missing_problems(table, targets)
        for name, numbers in zip(targets, columns, strict=True):
            rows = [row for row, cell in enumerate(table.cells(name)) if cell and not math.isfinite(numbers[row])]
            problems += other_problems(table, name, rows, "a number")
            if not rows and len(set(numbers)) == 1:
                problems.append(
                    f"column {name!r}: every subject has {table.cells(name)[0]}; there is nothing to predict"
                )
        problems += [problem] if (problem := task.problem()) else []
        if problems:
            raise LabelsError(problems)
        return Labels(task, tuple(zip(*columns, strict=True)))


def _number(cell: str) -> float:
    """The number; NaN if it is none."""
    try:
        return float(cell)
    except ValueError:
        return math.nan
