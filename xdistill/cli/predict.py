"""``xdistill predict``: a model's predictions for new subjects."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xdistill.cli import options as shared

if TYPE_CHECKING:
    from xdistill.models import StudentModel
    from xdistill.models.subject import NewSubject, Predicted

EXAMPLES = (
    "xdistill predict models/mvi new.csv --to out.csv",
    "xdistill predict models/mvi hbp=a.nii.gz pre=b.nii.gz",
    "xdistill predict models/mvi scans/ --jobs 4 --skip-errors --to out.csv",
    "xdistill predict runs/mvi_hcc/cmdnet/0f3a8c21d9be new.csv --member r0-f0",
)


def predict(
    model: shared.ModelArgument,
    subjects: shared.SubjectsArgument,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FILE", help="CSV file to write; default: a table on the terminal.")
    ] = None,
    member: shared.MemberOption = None,
    level: shared.LevelOption = 0.9,
    device: shared.DeviceOption = "auto",
    batch_size: shared.BatchSizeOption = 32,
    jobs: shared.ReadersOption = 1,
    skip_errors: shared.SkipErrorsOption = False,
    plugin: shared.PluginOption = None,
    disable_plugin: shared.DisableOption = None,
    as_json: shared.JsonOption = False,
    quiet: shared.QuietOption = False,
) -> None:
    """Predict for new subjects with a model: from their images alone, without privileged data and labels."""
    with shared.chosen_plugins(plugin, disable_plugin):
        from xdistill.cli.console import print_hint, print_json, print_warning
        from xdistill.models import load_model

        if to is not None:
            _check_output(to)
        loaded = load_model(model, member=member)
        for note in loaded.notes:
            print_warning(note)
        found = new_subjects(loaded, subjects)
        with progress(len(found), quiet=quiet) as report:
            from xdistill.models.stream import predict_stream

            stream = predict_stream(
                loaded,
                found,
                device=device,
                batch_size=batch_size,
                jobs=jobs,
                skip_errors=skip_errors,
                level=level,
                on_progress=report,
            )
            rows = list(stream) if to is None else []
            failed = [row for row in rows if row.error] if to is None else _write(loaded, stream, to)
    if to is None:
        if as_json:
            print_json([_document(loaded, row) for row in rows])
        else:
            _print(loaded, [row for row in rows if not row.error])
    for row in failed:
        print_warning(row.error)
    if failed:
        print_hint(f"{len(failed)} of {len(found)} subjects could not be read and have no prediction")
    if to is not None and not quiet:
        print_hint(f"predictions: {to}")


def new_subjects(model: StudentModel, given: Sequence[str]) -> list[NewSubject]:
    """The subjects that the arguments name.

    Raises:
        UserError: if they are neither a table, nor a folder, nor files of modalities.
    """
    from xdistill.cli.console import print_hint
    from xdistill.errors import UserError
    from xdistill.models.table_file import reading_note
    from xdistill.models.tables import one_subject, read_folder, read_table

    path = Path(given[0])
    if len(given) == 1 and ("=" not in given[0] or path.exists()):
        if path.is_dir():
            return read_folder(model, path)
        notes: list[str] = []
        found = read_table(model, path, notes)
        if text := reading_note(path, notes):
            print_hint(text)
        return found
    files = {}
    for text in given:
        name, equals, file = text.partition("=")
        if not equals or not name or not file:
            raise UserError(f"`{text}` is not MODALITY=FILE; pass one table, one folder, or the file of each modality")
        if name in files:
            raise UserError(f"the modality `{name}` is given twice")
        files[name] = file
    return [one_subject(model, files)]


@contextmanager
def progress(total: int, *, quiet: bool) -> Iterator[Any]:
    """Something to report the number of subjects that are done to."""
    from xdistill.cli.console import stderr

    if quiet or not stderr().is_terminal or total == 1:
        yield None
        return
    from xdistill.cli.progress import bars

    with bars() as shown:
        task = shown.add_task("subjects", total=total, note="")
        yield lambda done: shown.update(task, completed=done)


def _check_output(to: Path) -> None:
    """Reject a file that cannot be written before anything is computed."""
    from xdistill.errors import UserError

    if to.is_dir():
        raise UserError(f"{to}: is a folder; name a file, such as {to / 'predictions.csv'}")
    if not to.parent.is_dir():
        raise UserError(f"{to}: there is no folder {to.parent}; create it, or choose another with --to")


def _columns(model: StudentModel) -> list[str]:
    if not _of_classes(model):
        ends = [f"{end}_{name}" for name in model.schema.task.names for end in ("lower", "upper")]
        return ["subject", *model.schema.task.columns, *(ends if model.intervals is not None else ()), "flags"]
    extra = (["sd"] if len(model.members) > 1 else []) + (["set"] if model.calibration is not None else [])
    return ["subject", "prediction", *model.schema.task.columns, *extra, "flags"]


def _of_classes(model: StudentModel) -> bool:
    from xdistill.tasks import Classification

    return isinstance(model.schema.task, Classification)


def _cells(model: StudentModel, row: Predicted) -> list[Any]:
    if not _of_classes(model):
        ends = [end for pair in row.intervals or () for end in pair]
        return [row.subject, *map(repr, row.probabilities), *map(repr, ends), "; ".join(row.flags)]
    extra: list[Any] = [row.sd] if len(model.members) > 1 else []
    if model.calibration is not None:
        extra.append("; ".join(row.classes or ()))
    return [row.subject, row.prediction, *map(repr, row.probabilities), *extra, "; ".join(row.flags)]


def _write(model: StudentModel, rows: Iterable[Predicted], to: Path) -> list[Predicted]:
    """Write the CSV file, complete or not at all; returns the subjects that could not be read."""
    from xdistill.runs.files import written_whole
    from xdistill.untrusted import CsvWriter

    failed = []
    with written_whole(to, option="--to") as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = CsvWriter(file)
        writer.writerow(_columns(model))
        for row in rows:
            if row.error:
                failed.append(row)
            else:
                writer.writerow(_cells(model, row))
    return failed


def _document(model: StudentModel, row: Predicted) -> dict[str, Any]:
    if row.error:
        return {"subject": row.subject, "error": row.error}
    if not _of_classes(model):
        task = model.schema.task
        ends = None if row.intervals is None else [[_or_none(low), _or_none(high)] for low, high in row.intervals]
        return {
            "subject": row.subject,
            "predictions": dict(zip(task.columns, row.probabilities, strict=True)),
            "intervals": None if ends is None else dict(zip(task.names, ends, strict=True)),
            "flags": list(row.flags),
        }
    return {
        "subject": row.subject,
        "prediction": row.prediction,
        "probabilities": dict(zip(model.classes, row.probabilities, strict=True)),
        "sd": row.sd,
        "set": None if row.classes is None else list(row.classes),
        "flags": list(row.flags),
    }


def _or_none(value: float) -> float | None:
    """JSON has no infinity: an interval that too few training subjects bound has no end."""
    return value if math.isfinite(value) else None


def _print(model: StudentModel, rows: Sequence[Predicted]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from xdistill.cli.console import stdout

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in _columns(model):
        table.add_column(Text(name), no_wrap=name != "flags", min_width=len(name) if name == "subject" else None)
    for row in rows:
        cells = _cells(model, row)
        named = 2 if _of_classes(model) else 1  # subject and class
        shown = [f"{float(cell):.3f}" if _is_number(cell) else str(cell or "") for cell in cells[named:]]
        table.add_row(*(Text(cell) for cell in [*map(str, cells[:named]), *shown]))
    stdout().print(table)


def _is_number(cell: Any) -> bool:
    try:
        float(cell)
    except (TypeError, ValueError):
        return False
    return True
