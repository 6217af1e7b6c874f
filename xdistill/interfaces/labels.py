"""Tasks as recipes choose them: readers of labels."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from xdistill.errors import DataError, UserError
from xdistill.interfaces.component import Component, Settings
from xdistill.suggest import did_you_mean
from xdistill.tasks import Target, Task

SHOWN: Final = 5  # lines that a message names


class LabelsError(DataError):
    """Labels that cannot be read as targets of the task.

    Attributes:
        problems: one message per cause.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n  ".join(problems))
        self.problems = tuple(problems)

    def __reduce__(self) -> tuple[type[LabelsError], tuple[Sequence[str]]]:
        """Errors cross from worker processes."""
        return type(self), (self.problems,)


@dataclass(frozen=True)
class LabelTable:
    """The columns of a cohort in which a task may find its labels, as text.

    Attributes:
        columns: one cell per subject in each; an empty cell is a missing label.
        label: the column that is read where a task names none.
        lines: of each subject in its file, for messages; empty: its number, counted from 1.
        row: what messages call such a line.
        remedy: what to do about subjects without any label, for messages; empty: nothing but to fill them in.
    """

    columns: Mapping[str, Sequence[str]]
    label: str
    lines: Sequence[int] = ()
    row: str = "line"
    remedy: str = ""

    def cells(self, column: str) -> Sequence[str]:
        """The cells of one column.

        Raises:
            LabelsError: if there is none of this name.
        """
        if column not in self.columns:
            raise LabelsError([f"unknown column {column!r} (task){did_you_mean(column, self.columns, 'columns')}"])
        return self.columns[column]

    def at(self, rows: Sequence[int]) -> LabelTable:
        """The same table with some of its subjects."""
        columns = {name: [cells[row] for row in rows] for name, cells in self.columns.items()}
        return replace(self, columns=columns, lines=[self.lines[row] if self.lines else row + 1 for row in rows])

    def where(self, rows: Sequence[int]) -> str:
        """The lines of some subjects for a message: ``line 4``, ``lines 4 and 9``, ``lines 4, 5 and 12 more``."""
        numbers = [str(self.lines[row] if self.lines else row + 1) for row in rows]
        if len(numbers) == 1:
            return f"{self.row} {numbers[0]}"
        few = len(numbers) <= SHOWN + 1
        shown = numbers[:-1] if few else numbers[:SHOWN]
        last = numbers[-1] if few else f"{len(numbers) - SHOWN:,} more"
        return f"{self.row}s {', '.join(shown)} and {last}"

    def missing(self, columns: Sequence[str]) -> list[str]:
        """One message about subjects without any label, and one for each column in which others have an empty cell."""
        cells = [self.cells(column) for column in columns]
        none = [row for row, of_subject in enumerate(zip(*cells, strict=True)) if not any(of_subject)]
        found = [f"{_missing(self, columns, none)}{'; ' * bool(self.remedy)}{self.remedy}"] if none else []
        for column, own in zip(columns, cells, strict=True):
            rows = sorted({row for row, cell in enumerate(own) if not cell}.difference(none))
            found += [_missing(self, [column], rows)] if rows else []
        return found

    def others(self, column: str, rows: Sequence[int], what: str) -> list[str]:
        """One message about invalid cells of a column; no message if there are none.

        Args:
            column: its name.
            rows: of these cells.
            what: they should be, such as ``a number``.
        """
        if not rows:
            return []
        value = self.cells(column)[rows[0]]
        if len(rows) == 1:
            return [f"column {column!r}: {value!r} is not {what} ({self.where(rows)})"]
        return [f"column {column!r}: {len(rows):,} values are not {what}, such as {value!r} ({self.where(rows)})"]


@dataclass(frozen=True)
class Labels:
    """What a task made of the labels.

    Attributes:
        task: for the schema of the cohort.
        targets: one per subject.
    """

    task: Task
    targets: tuple[Target, ...]


class TaskReader(Component, ABC):
    """A task as a recipe chooses it: ``task: {use: regression, targets: [hba1c]}``.

    It reads the columns of labels of a data set whose Config is a `TaskSettings`. What is predicted, its metrics,
    strata and files are those of the `xdistill.tasks.Task` that it returns. Both have the same name: ``name`` of the
    reader is ``kind`` of the task.
    """

    def __init__(self, config: Settings) -> None:
        self.config = config

    @abstractmethod
    def columns(self, label: str) -> tuple[str, ...]:
        """Names of the columns that are read, which are then no inputs of networks.

        Args:
            label: the data set's own column of labels.
        """

    @abstractmethod
    def read(self, table: LabelTable) -> Labels:
        """The task and the targets of all subjects.

        Raises:
            LabelsError: with everything that is wrong, one message per cause, which names lines.
        """

    # New subjects, on whom a model is evaluated

    @classmethod
    def for_task(cls, task: Any, columns: Sequence[str] = ()) -> TaskReader:
        """A reader for labels of new subjects of a task that a model was trained for.

        Args:
            task: as `read` returned it.
            columns: that hold the labels; empty: as named in training where the task knows, or by a usual name.

        Raises:
            UserError: if it cannot be, such as for another number of columns.
        """
        del columns
        raise UserError(f"models of {task.describe()} cannot be evaluated: the task's reader has no `for_task`")

    def targets(self, table: LabelTable) -> tuple[Target, ...]:
        """The targets of new subjects, who may be all alike.

        Raises:
            LabelsError: as `read`.
        """
        return self.read(table).targets


def check_columns(columns: Sequence[str], most: int, what: str) -> None:
    """Refuse another number of columns than a task has.

    Args:
        columns: those that a user named.
        most: how many there are.
        what: they are, for the message.

    Raises:
        UserError: naming the option.
    """
    if columns and len(columns) != most:
        raise UserError(
            f"`--label` names {len(columns)} columns; {what}. Repeat the option for each of them, in this order"
        )


def read_known(reader: TaskReader, table: LabelTable) -> tuple[Task, tuple[Target | None, ...]]:
    """The task and the targets where subjects may have no label: None for those whose cells are all empty.

    The reader sees the other subjects alone, so a label of which only a part is missing is an error as before.

    Raises:
        LabelsError: as `TaskReader.read`, and if no subject has a label.
    """
    columns = [table.cells(name) for name in reader.columns(table.label)]
    known = [row for row, cells in enumerate(zip(*columns, strict=True)) if any(cells)]
    if not known:
        raise LabelsError([f"no subject has a label: column {reader.columns(table.label)[0]!r} is empty"])
    labels = reader.read(table.at(known))
    found = dict(zip(known, labels.targets, strict=True))
    return labels.task, tuple(found.get(row) for row in range(len(columns[0])))


def _missing(table: LabelTable, columns: Sequence[str], rows: Sequence[int]) -> str:
    names = list(map(repr, columns))
    where = f"column {names[0]}" if len(names) == 1 else f"columns {', '.join(names[:-1])} and {names[-1]}"
    what = "label is" if len(rows) == 1 else f"{len(rows):,} labels are"
    return f"{where}: {what} missing ({table.where(rows)})"
