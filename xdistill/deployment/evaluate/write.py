"""Writes an evaluation: ``evaluation.json``, ``predictions.csv`` and ``report.html``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from xdistill.deployment.evaluate.page import render_evaluation
from xdistill.deployment.evaluate.result import Evaluation
from xdistill.errors import UserError
from xdistill.runs.files import make_folder, write_json, write_text, written_whole
from xdistill.untrusted import CsvWriter

JSON, PREDICTIONS, REPORT = "evaluation.json", "predictions.csv", "report.html"


def check_folder(folder: Path) -> None:
    """Check that an evaluation may be written to a folder.

    Raises:
        UserError: if it is a file, or holds something else than an evaluation.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: is not a folder; choose another name")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / JSON).is_file():
        raise UserError(f"{folder}: the folder holds something other than an evaluation; choose another name")


def write_evaluation(evaluation: Evaluation, folder: Path | str) -> Path:
    """Write the three files, each complete or not at all; ``predictions.csv`` alone holds ids.

    Raises:
        UserError: if the folder holds something else.
        RunError: if it cannot be written.
    """
    to = Path(folder)
    check_folder(to)
    page = render_evaluation(evaluation)
    make_folder(to, option="--to")
    write_json(to / JSON, evaluation.to_json(), option="--to")
    with (
        written_whole(to / PREDICTIONS, option="--to") as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        CsvWriter(file).writerows(_rows(evaluation))
    write_text(to / REPORT, page, option="--to")
    return to


def _rows(evaluation: Evaluation) -> Iterator[list[str]]:
    columns = evaluation.task.columns
    ends = evaluation.predictions[0].intervals is not None
    bounds = [f"{end}_{name}" for name in evaluation.task.names for end in ("lower", "upper")] if ends else []
    second = [f"against_{name}" for name in columns] if evaluation.against_probabilities else []
    sets = ["set"] if evaluation.sets is not None else []
    yield ["subject", "patient", "target", "prediction", *columns, *bounds, *second, *sets, "flags"]
    for place, row in enumerate(evaluation.predictions):
        other = map(repr, evaluation.against_probabilities[place]) if second else ()
        classes = ["; ".join(row.classes or ())] if sets else []
        pairs = (repr(end) for pair in row.intervals or () for end in pair)
        values = (*map(repr, row.probabilities), *pairs)
        cells = [row.subject, row.patient, row.target, row.predicted, *values, *other, *classes]
        yield [*cells, "; ".join(row.flags)]
