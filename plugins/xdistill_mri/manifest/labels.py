"""Labels of other tasks than classification, and labels that look as if they were."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from xdistill.interfaces import Choice, LabelsError, LabelTable, TaskReader, read_known
from xdistill.tables import as_number
from xdistill.tasks import Target, Task
from xdistill_mri.manifest.problems import Problems
from xdistill_mri.manifest.table import Table

_SEPARATORS: Final = (";", ",", "|", "/")
_MANY: Final = 20  # different numbers that are hardly classes
_SEVERAL: Final = 5  # the same, if a number occurs once, which no class may


def read_labels(
    table: Table, chosen: Choice[TaskReader], label: str, problems: Problems, *, some: bool = False
) -> tuple[Task, Sequence[Target | None]]:
    """The task and the targets, read by the recipe's task.

    Args:
        table: the manifest.
        chosen: the task.
        label: the data set's own column of labels.
        problems: found before.
        some: whether subjects may have no label; their target is None.

    Raises:
        DataError: for labels that it cannot read, together with the problems found before.
    """
    reader = chosen.build()
    columns = {name: table.column(name) for name in reader.columns(label)}
    cells = label_table(table, columns, label)
    try:
        if some:
            return read_known(reader, cells)
        labels = reader.read(cells)
    except LabelsError as error:
        for problem in error.problems:
            problems.add(problem)
        problems.stop()
        raise
    return labels.task, labels.targets


def label_table(table: Table, columns: Mapping[str, Sequence[str]], label: str) -> LabelTable:
    """Columns of labels with their lines."""
    remedy = "add labels, or set `data.without_label` to leave_out or unlabelled"
    return LabelTable(columns, label, [line.number for line in table.lines], remedy=remedy)


def number_of(label: str) -> float | None:
    """The value of a label as a number, also with a decimal comma; None if it is not a number."""
    return as_number(label.replace(",", "."))


def other_task(column: str, labels: Sequence[str]) -> str:
    """Why labels are probably not classes, and which task to set; empty if they may be classes."""
    different = Counter(labels)
    numbers = [number_of(label) for label in different]
    known = [number for number in numbers if number is not None]
    once = sum(count == 1 for count in different.values())
    if len(known) == len(numbers) > 1 and (len(known) > _MANY or (len(known) > _SEVERAL and once)):
        return (
            f"the labels in column {column!r} are {len(different)} different numbers, such as {next(iter(different))}; "
            f"to predict numbers, set `task: {{use: regression, targets: [{column}]}}` in the recipe; if they are "
            f"classes, name them in `data.classes`"
        )
    for mark in _SEPARATORS:
        alone = {label for label in different if mark not in label}
        same = {number_of(label) for label in alone} - {None}  # 1,0 is another way to write 1
        lists = [label for label in different if mark in label and number_of(label) not in same]
        parts = {part.strip() for label in lists for part in label.split(mark)}
        if lists and parts & alone:
            names = ", ".join(sorted(name for name in parts | alone if name.lower() != "none"))
            return (
                f"the label {lists[0]!r} in column {column!r} looks like a list of labels that occur alone too; for "
                f"several labels per subject, set `task: {{use: multi_label, column: {column}, labels: [{names}], "
                f"separator: '{mark}'}}` in the recipe; if they are classes, name them in `data.classes`"
            )
    return ""
