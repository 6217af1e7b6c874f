"""Writes explanations: a NIfTI map for each subject and image, tables, and a page; all of it or nothing."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xdistill.deployment.explain.checks import CheckSummary
from xdistill.deployment.explain.page import SHOWN, Card, render_page
from xdistill.deployment.explain.pictures import planes
from xdistill.deployment.explain.space import image_of, placed
from xdistill.errors import RunError, UserError
from xdistill.runs.files import make_folder
from xdistill.runs.temporary import sweep, temporary_path
from xdistill.untrusted import CsvWriter

if TYPE_CHECKING:
    from xdistill.deployment.explain.attributions import Options
    from xdistill.deployment.explain.explanation import Explanation, Map
    from xdistill.models.ensemble import Ensemble
    from xdistill.tasks import Task

PAGE, TABLE, COLUMNS = "explain.html", "explain.csv", "columns.csv"
_HEADER = (
    *("subject", "prediction", "explained", "probability", "modality", "file", "layer"),
    *("peak_i", "peak_j", "peak_k", "peak_x", "peak_y", "peak_z"),
)
_COLUMNS_HEADER = ("subject", "explained", "modality", "column", "value", "attribution")
_LONGEST = 100  # characters of a folder's name


@dataclass
class Written:
    """What was written.

    Attributes:
        path: the folder.
        rows: of ``explain.csv``.
        layers: by image modality, the layers of Grad-CAM.
        failed: subjects that could not be read.
        summary: of the sanity checks; None if there were none.
    """

    path: Path
    rows: list[dict[str, Any]] = field(default_factory=list)
    layers: dict[str, str] = field(default_factory=dict)
    failed: list[Explanation] = field(default_factory=list)
    summary: CheckSummary | None = None


def check_folder(to: Path) -> None:
    """Check that explanations may be written to a folder.

    Raises:
        UserError: if there is something else.
    """
    if to.is_symlink() or (to.exists() and (not to.is_dir() or any(to.iterdir()))):
        raise UserError(f"{to}: is not an empty folder; choose another one, or delete it")


def write_explanations(
    model: Ensemble, explanations: Iterable[Explanation], to: Path, options: Options, *, anonymous: bool = False
) -> Written:
    """Write ``<subject>/<modality>.nii.gz``, ``explain.csv``, ``columns.csv`` for vectors, and ``explain.html``.

    The map of a picture is also drawn on it, as the network sees it: ``<subject>/<modality>.png``.

    Args:
        model: that is explained.
        explanations: of its predictions; consumed one at a time.
        to: a folder that does not exist or is empty.
        options: that the explanations were made with.
        anonymous: name subjects by their number, in place of their id.

    Raises:
        UserError: if the folder holds something, or cannot be written; nothing is left then.
    """
    check_folder(to)
    to = to.absolute()
    sweep(to.parent, name=to.name)
    temporary = temporary_path(to)
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        make_folder(temporary, option="--to")
        written = _write(model, explanations, temporary, options, anonymous=anonymous)
        if to.exists():
            to.rmdir()
        temporary.replace(to)
    except (OSError, RunError) as error:
        raise UserError(f"{to}: cannot be written: {error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    written.path = to
    return written


def _write(
    model: Ensemble, explanations: Iterable[Explanation], folder: Path, options: Options, *, anonymous: bool
) -> Written:
    written = Written(folder)
    names = _Names()
    cards: list[Card] = []
    good: list[Explanation] = []
    with ExitStack() as stack:
        task = model.schema.task
        table = _table(stack, folder / TABLE, [_titled(name, task) for name in _HEADER])
        columns = None
        for number, explanation in enumerate(explanations, start=1):
            if explanation.error:
                written.failed.append(explanation)
                continue
            subject = str(number) if anonymous else explanation.subject
            for row in _rows(explanation, subject, folder, names.of(subject)):
                table.writerow([row[name] for name in _HEADER])
                written.rows.append({_titled(key, task): value for key, value in row.items()})
            if explanation.columns:
                columns = columns or _table(stack, folder / COLUMNS, _COLUMNS_HEADER)
                columns.writerows(_column_rows(explanation, subject))
            written.layers |= {name: found.layer for name, found in explanation.maps.items() if found.layer}
            if len(cards) < SHOWN:
                cards.append(Card.of(explanation, subject))
            good.append(_light(explanation))
    written.summary = CheckSummary.of(good)
    page = render_page(model, options, cards, subjects=len(good), summary=written.summary)
    (folder / PAGE).write_text(page, encoding="utf-8")
    return written


def _rows(explanation: Explanation, subject: str, folder: Path, name: str) -> list[dict[str, Any]]:
    """One row per image; one without a file for a subject without images."""
    start = {
        **dict.fromkeys(_HEADER, ""),
        "subject": subject,
        "prediction": explanation.prediction,
        "explained": explanation.explained,
        "probability": explanation.probability,
    }
    rows = [{**start, **_save(found, modality, folder, name)} for modality, found in explanation.maps.items()]
    return rows or [start]


def _save(found: Map, modality: str, folder: Path, name: str) -> dict[str, Any]:
    on_source = placed(found, modality)
    file = folder / name / f"{_safe(modality)}.nii.gz"
    file.parent.mkdir(exist_ok=True)
    image_of(on_source).to_filename(file)
    if found.is_picture:
        (plane,) = planes(found)
        file.with_name(f"{_safe(modality)}.png").write_bytes(plane.file)
    return {
        "modality": modality,
        "file": file.relative_to(folder).as_posix(),
        "layer": found.layer,
        **dict(zip(("peak_i", "peak_j", "peak_k"), on_source.peak, strict=True)),
        **{f"peak_{axis}": round(value, 3) for axis, value in zip("xyz", on_source.peak_mm, strict=True)},
    }


def _column_rows(explanation: Explanation, subject: str) -> list[Sequence[Any]]:
    return [
        (subject, explanation.explained, modality, name, value, float(attribution))
        for modality, columns in explanation.columns.items()
        for name, value, attribution in zip(columns.names, columns.values, columns.attributions, strict=True)
    ]


def _titled(column: str, task: Task) -> str:
    """The column's name: predictions of some tasks are not probabilities."""
    return column if task.probabilistic or column != "probability" else "value"


def _table(stack: ExitStack, path: Path, header: Sequence[str]) -> Any:
    writer = CsvWriter(stack.enter_context(path.open("w", newline="", encoding="utf-8")))
    writer.writerow(header)
    return writer


def _light(explanation: Explanation) -> Explanation:
    """The explanation without its maps, which are written already."""
    return replace(explanation, maps={}, columns={})


class _Names:
    """Names of folders: ids, without what a file system or another folder could take for something else."""

    def __init__(self) -> None:
        self._used: set[str] = {PAGE, TABLE, COLUMNS}

    def of(self, subject: str) -> str:
        """A name that no subject had before."""
        name = start = _safe(subject)
        number = 2
        while name.casefold() in self._used:
            name, number = f"{start}-{number}", number + 1
        self._used.add(name.casefold())
        return name


def _safe(name: str) -> str:
    return re.sub(r"[^\w.-]+", "_", name).strip(".")[:_LONGEST] or "_"
