"""Labels that are grades."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from xdistill.interfaces.component import Settings
from xdistill.interfaces.labels import Labels, LabelTable, TaskReader, check_columns
from xdistill.targets.classification import Names, class_labels
from xdistill.tasks import Ordinal


class ReadOrdinal(TaskReader):
    """Ordinal regression: classes from the lowest to the highest, in one column.

    The network has one output per threshold between neighbouring classes and predicts class probabilities.
    """

    name = "ordinal"

    class Config(Settings):
        """Column, order of the classes, and what the outputs mean."""

        classes: Names = Field(description="the classes from the lowest to the highest", examples=[["low", "high"]])
        column: str | None = Field(default=None, description="column with the class; null: the data set's label")
        link: Literal["corn", "cumulative_link"] = Field(
            default="corn",
            description="the outputs are conditional probabilities to exceed each class (`corn`), or a cumulative "
            "link model (`cumulative_link`); each has its own task loss, of the same name",
        )

    config: Config

    def columns(self, label: str) -> tuple[str, ...]:
        """The one column."""
        return (self.config.column or label,)

    def read(self, table: LabelTable) -> Labels:
        """Indices into the classes."""
        return class_labels(table, self.columns(table.label)[0], Ordinal(self.config.classes, self.config.link))

    @classmethod
    def for_task(cls, task: Any, columns: Sequence[str] = ()) -> ReadOrdinal:
        """The classes of the task."""
        check_columns(columns, 1, "the grade is in one column")
        return cls(cls.Config(classes=task.classes, column=columns[0] if columns else None))
