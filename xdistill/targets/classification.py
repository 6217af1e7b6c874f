"""Labels that are classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field

from xdistill.interfaces.component import Settings
from xdistill.interfaces.labels import (
    Labels,
    LabelsError,
    LabelTable,
    TaskReader,
    check_columns,
)
from xdistill.tasks import Classification

Names = Annotated[tuple[str, ...], Field(min_length=2)]


class ReadClassification(TaskReader):
    """Binary or multi-class classification: one column of class names. The default of all bundled data sets."""

    name = "classification"

    class Config(Settings):
        """Column and classes."""

        column: str | None = Field(default=None, description="column with the class; null: the data set's label")
        classes: Names | None = Field(default=None, description="the classes in order; null: sorted by name")

    config: Config

    def columns(self, label: str) -> tuple[str, ...]:
        """The one column."""
        return (self.config.column or label,)

    def read(self, table: LabelTable) -> Labels:
        """Indices into the classes."""
        (column,) = self.columns(table.label)
        classes = self.config.classes or tuple(sorted({cell for cell in table.cells(column) if cell}))
        return class_labels(table, column, Classification(classes))

    @classmethod
    def for_task(cls, task: Any, columns: Sequence[str] = ()) -> ReadClassification:
        """The classes of the task."""
        check_columns(columns, 1, "the class is in one column")
        return cls(cls.Config(classes=task.classes, column=columns[0] if columns else None))


def class_labels(table: LabelTable, column: str, task: Classification) -> Labels:
    """The indices of the classes in a column.

    Raises:
        LabelsError: for missing labels, unknown ones, and too few classes.
    """
    cells = table.cells(column)
    unknown = [row for row, cell in enumerate(cells) if cell and cell not in task.classes]
    problems = table.missing([column])
    problems += table.others(column, unknown, f"one of the classes {', '.join(task.classes)}")
    problems += [problem] if (problem := task.problem()) else []
    if problems:
        raise LabelsError(problems)
    return Labels(task, tuple(task.classes.index(cell) for cell in cells))
