"""Labels of new subjects, read as those of training were."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from xdistill.errors import DataError, UserError
from xdistill.interfaces.labels import LabelsError, LabelTable, TaskReader
from xdistill.models import StudentModel
from xdistill.models.restore import chosen
from xdistill.models.subject import NewSubject
from xdistill.models.tables import MISSING
from xdistill.plugin import load_catalog
from xdistill.suggest import did_you_mean
from xdistill.tasks import Target

LABEL = "label"  # also the column in which `xdistill data export` writes targets of any task


def read_targets(
    model: StudentModel, subjects: Sequence[NewSubject], file: Path, labels: Sequence[str] = ()
) -> tuple[Sequence[Target], tuple[str, ...]]:
    """The targets of new subjects, and the columns that they are read from.

    Args:
        model: that knows the task.
        subjects: with their rows.
        file: for messages.
        labels: columns that hold them; empty: as the recipe of training says.

    Raises:
        DataError: for a missing column, and for invalid labels, with their lines.
        UserError: for another number of columns than the task has.
    """
    reader, header = label_reader(model, labels), subjects[0].row
    columns = reader.columns(LABEL)
    lines = [int(subject.where.rpartition(" ")[2]) for subject in subjects]
    missing = [name for name in columns if name not in header]
    written = bool(missing) and not labels and LABEL in header
    if missing and not written:
        hint = did_you_mean(missing[0], header, "columns")
        raise DataError(f"{file}: there is no column `{missing[0]}` with labels{hint}. Name it with --label")
    used = (LABEL,) if written else columns
    cells = {name: [_filled(subject.row[name], model) for subject in subjects] for name in used}
    table = LabelTable(cells, LABEL, lines)
    try:
        return (_exported(model, table) if written else reader.targets(table)), used
    except LabelsError as error:
        raise DataError(f"{file}: {error}") from None


def label_reader(model: StudentModel, labels: Sequence[str] = ()) -> TaskReader:
    """The reader of the model's labels: that of its recipe, or of its task if the recipe or a user says no more.

    Raises:
        UserError: for another number of columns than the task has, or a task whose reader is not installed.
    """
    task, catalog, block = model.schema.task, load_catalog(), model.config.labels
    if block is not None and not labels:
        reader: TaskReader = chosen(TaskReader, block, catalog, "labels").build()
        return reader
    if task.kind not in catalog.names("task"):
        raise UserError(f"models of {task.describe()} cannot be evaluated: there is no reader of their labels")
    component = catalog.resolve(TaskReader, task.kind)
    assert issubclass(component, TaskReader)  # noqa: S101 - as the catalog has checked
    return component.for_task(task, labels)


def _exported(model: StudentModel, table: LabelTable) -> Sequence[Target]:
    """Targets in one column, as `Task.target_text` writes them."""
    found, problems = [], []
    for row, cell in enumerate(table.cells(LABEL)):
        try:
            found.append(model.schema.task.parse_target(cell))
        except ValueError as error:
            problems.append(f"{error} ({table.where([row])})")
    if problems:
        more = [f"and {len(problems) - 1} more"] if len(problems) > 1 else []
        raise LabelsError([f"column {LABEL!r}: {problems[0]}", *more])
    return found


def _filled(cell: str, model: StudentModel) -> str:
    """The cell; nothing for a text that means a missing label, unless it is a class or a label."""
    return "" if cell.lower() in MISSING and cell not in model.schema.task.names else cell
