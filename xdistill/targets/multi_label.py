"""Labels of which a subject may have several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Final

from pydantic import Field

from xdistill.interfaces.component import Settings
from xdistill.interfaces.labels import (
    Labels,
    LabelsError,
    LabelTable,
    TaskReader,
    check_columns,
)
from xdistill.tasks import MultiLabel

_SEPARATORS: Final = (";", ",", "|", "/", " ")


class ReadMultiLabel(TaskReader):
    """Multi-label classification: a column of 0 and 1 for each label, or one column with lists such as ``a;b``."""

    name = "multi_label"

    class Config(Settings):
        """Labels, and how they are written."""

        labels: Annotated[tuple[str, ...], Field(min_length=1)] = Field(description="names of the labels")
        column: str | None = Field(
            default=None, description="column with the lists; null: one column of 0 and 1 per label, named as the label"
        )
        separator: Annotated[str, Field(min_length=1)] = Field(default=";", description="between the labels of a list")
        none: str = Field(default="none", description="list without any label; an empty cell is a missing label")

    config: Config

    def columns(self, label: str) -> tuple[str, ...]:
        """One per label, or that of the lists."""
        del label
        return self.config.labels if self.config.column is None else (self.config.column,)

    def read(self, table: LabelTable) -> Labels:
        """A zero or a one per label, of which every label has both."""
        task = MultiLabel(self.config.labels)
        targets = self.targets(table)
        problems = [problem] if (problem := task.problem()) else []
        for place, name in enumerate(task.labels):
            held = sum(target[place] for target in targets)
            if not problems and held in {0, len(targets)}:
                problems.append(f"{'every' if held else 'no'} subject has the label {name!r}; leave it out")
        if problems:
            raise LabelsError(problems)
        return Labels(task, targets)

    @classmethod
    def for_task(cls, task: Any, columns: Sequence[str] = ()) -> ReadMultiLabel:
        """The labels of the task: a column for each, or one with lists."""
        if len(columns) == 1 < len(task.labels):
            return cls(cls.Config(labels=task.labels, column=columns[0]))
        check_columns(columns, len(task.labels), f"there is one for each label ({', '.join(task.labels)}), or one list")
        return cls(cls.Config(labels=tuple(columns) or task.labels))

    def targets(self, table: LabelTable) -> tuple[tuple[int, ...], ...]:
        """A zero or a one per label."""
        problems = table.missing(self.columns(table.label))
        if self.config.column is None:
            problems += self._wrong_marks(table)
            marks = [[cell in {"1", "1.0"} for cell in table.cells(name)] for name in self.config.labels]
            targets = tuple(tuple(map(int, row)) for row in zip(*marks, strict=True))
        else:
            problems += self._unknown(table, self.config.column)
            sets = [set(self._names(cell)) for cell in table.cells(self.config.column)]
            targets = tuple(tuple(int(name in held) for name in self.config.labels) for held in sets)
        if problems:
            raise LabelsError(problems)
        return targets

    def _wrong_marks(self, table: LabelTable) -> Iterator[str]:
        for name in self.config.labels:
            cells = table.cells(name)
            rows = [row for row, cell in enumerate(cells) if cell and cell not in {"0", "1", "0.0", "1.0"}]
            yield from table.others(name, rows, "0 or 1")

    def _unknown(self, table: LabelTable, column: str) -> Iterator[str]:
        """One message for each name that is none of the labels, with a hint if another separator would divide it."""
        rows: dict[str, list[int]] = {}
        for row, cell in enumerate(table.cells(column)):
            for name in self._names(cell):
                if name not in self.config.labels:
                    rows.setdefault(name, []).append(row)
        for name, found in rows.items():
            parts = {mark: [part.strip() for part in name.split(mark)] for mark in _SEPARATORS if mark in name}
            other = next((mark for mark, names in parts.items() if set(names) <= set(self.config.labels)), "")
            hint = f"set `task.separator: '{other}'`" if other else f"labels: {', '.join(self.config.labels)}"
            yield f"column {column!r}: unknown label {name!r} ({table.where(found)}); {hint}"

    def _names(self, cell: str) -> list[str]:
        if cell == self.config.none:
            return []
        return [name for part in cell.split(self.config.separator) if (name := part.strip())]
