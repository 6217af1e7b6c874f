"""Writes the manifest of a cohort: a row per study, a column per phase."""

from __future__ import annotations

import io
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from xdistill.errors import DataError, UserError
from xdistill.interfaces.series import Chosen, Series, Written
from xdistill.interfaces.series.format import Progress
from xdistill.untrusted import CsvWriter
from xdistill_dicom.convert import save_nifti
from xdistill_dicom.grouping import Part
from xdistill_dicom.join import Joined, read_joined
from xdistill_dicom.privacy import cleaned, names_patient
from xdistill_dicom.reading.header import Header
from xdistill_dicom.reading.scan import files_below, threads


@dataclass(frozen=True)
class Plan:
    """What is written, and how.

    Attributes:
        manifest: the CSV file.
        convert: a new folder for NIfTI files; None: cells name the folders of series.
        join: a table and its column with the patients' ids.
        jobs: series that are converted at the same time.
        keeps_ids: whether ids may stand in cells.
        dates: whether dates may.
    """

    manifest: Path
    convert: Path | None
    join: tuple[Path, str] | None
    jobs: int | None
    keeps_ids: bool
    dates: bool


def write_manifest(chosen: Chosen, plan: Plan, on_progress: Progress | None = None) -> Written:
    """Write a manifest, completely or not at all; see `SeriesFormat.write`."""
    _check_free(plan)
    joined = None if plan.join is None else read_joined(*plan.join, taken=("subject", "patient", *chosen.phases))
    volumes = [series for row in chosen.rows.values() for series in row.values()]
    with _replaced(plan) as (folder, target):
        cells = _folders(chosen, volumes, plan) if target is None else _converted(chosen, target, plan, on_progress)
        table, notes = _table(chosen, cells, joined)
        (folder / "manifest").write_text(table, encoding="utf-8")
    return Written(plan.manifest, len(chosen.rows), len(volumes), len(volumes) if plan.convert else 0, tuple(notes))


def _check_free(plan: Plan) -> None:
    for place in (plan.manifest, plan.convert):
        if place is not None and place.exists():
            raise UserError(f"{place}: exists already; delete it, or choose another name")
        if place is not None and not place.absolute().parent.is_dir():
            raise UserError(f"{place}: there is no folder {place.absolute().parent}; create it, or choose another")


@contextmanager
def _replaced(plan: Plan) -> Iterator[tuple[Path, Path | None]]:
    """Folders to write in, moved to where they belong at the end and removed after an error."""
    mark = f".{uuid4().hex[:8]}.tmp"
    folder = plan.manifest.absolute().with_name(plan.manifest.name + mark)
    target = None if plan.convert is None else plan.convert.absolute().with_name(plan.convert.name + mark)
    try:
        for place in (folder, target):
            if place is not None:
                place.mkdir()
        yield folder, target
        if target is not None and plan.convert is not None:
            target.rename(plan.convert)
        (folder / "manifest").rename(plan.manifest)
    except OSError as error:
        raise UserError(f"{error.filename or plan.manifest}: cannot be written ({error.strerror or error})") from error
    finally:
        for place in (folder, target):
            if place is not None:
                shutil.rmtree(place, ignore_errors=True)


def _folders(chosen: Chosen, volumes: Sequence[Series], plan: Plan) -> Mapping[str, str]:
    """The cell of each series: its folder, relative to the manifest, with a slash at its end."""
    cells: dict[str, str] = {}
    naming = shared = split = 0
    held = Counter(file.parent for file in files_below(chosen.found.folder))
    for series in volumes:
        slices = slices_of(series)
        folders = {header.file.parent for header in slices}
        split += len(folders) > 1 or bool(series.part)
        folder = folders.pop()
        below = sum(count for other, count in held.items() if other == folder or folder in other.parents)
        shared += below != len({header.file for header in slices}) and not series.part
        cells[series.series] = text = Path(os.path.relpath(folder, plan.manifest.absolute().parent)).as_posix() + "/"
        naming += not plan.keeps_ids and _names(text, slices[0], dates=plan.dates)
    reasons = (
        (naming, "are in folders whose names contain a patient's name or id, a UID or a date"),
        (split, "are spread over several folders, or are one of several time points"),
        (shared, "share their folder with other files"),
    )
    wrong = [f"{count} of {len(volumes)} series {reason}" for count, reason in reasons if count]
    if wrong:
        kept = ", or keep ids with --keep-ids" if naming and not split and not shared else ""
        raise DataError(
            "\n  ".join([f"a manifest cannot name these folders; convert with --convert OUT{kept}:", *wrong])
        )
    return cells


def _names(text: str, header: Header, *, dates: bool) -> bool:
    hidden = [*header.identity, header.study, header.series]
    return names_patient(text, [word for word in hidden if word]) or cleaned(text, (), dates=dates) != text


def _converted(chosen: Chosen, target: Path, plan: Plan, on_progress: Progress | None) -> Mapping[str, str]:
    """Write each series as NIfTI; the cell of each, relative to the manifest."""
    tasks = [(subject, phase, series) for subject, row in chosen.rows.items() for phase, series in row.items()]
    base = Path(os.path.relpath(plan.convert or target, plan.manifest.absolute().parent))
    cells: dict[str, str] = {}

    def save(task: tuple[str, str, Series]) -> tuple[str, str]:
        subject, phase, series = task
        name = f"{_file_name(subject)}_{phase}.nii.gz"
        save_nifti(slices_of(series), target / name)
        return f"{subject}\0{phase}", (base / name).as_posix()

    with ThreadPoolExecutor(plan.jobs or threads()) as pool:
        for done, (key, cell) in enumerate(pool.map(save, tasks), start=1):
            cells[key] = cell
            if on_progress is not None:
                on_progress("volumes", done, len(tasks))
    return cells


def _file_name(subject: str) -> str:
    return "".join(character if character.isalnum() or character in "-_." else "_" for character in subject)


def slices_of(series: Series) -> tuple[Header, ...]:
    """The headers of a series, in order."""
    if not isinstance(series.source, Part):
        raise TypeError(series)
    return series.source.grid.slices


def _table(chosen: Chosen, cells: Mapping[str, str], joined: Joined | None) -> tuple[str, list[str]]:
    stream = io.StringIO()
    writer = CsvWriter(stream)
    extra = () if joined is None else joined.columns
    writer.writerow(["subject", "patient", *chosen.phases, *extra])
    unmatched = 0
    used: set[str] = set()
    for subject, row in chosen.rows.items():
        first = next(iter(row.values()))
        files = [_cell(cells, subject, phase, row) for phase in chosen.phases]
        own: Mapping[str, Any] | None = None
        if joined is not None:
            identity = slices_of(first)[0].patient.partition("\0")[0]
            own = joined.rows.get(identity)
            unmatched += own is None
            used.add(identity)
        writer.writerow([subject, first.patient, *files, *(("" if own is None else own[name]) for name in extra)])
    notes = [f"{unmatched} of {len(chosen.rows)} rows have no match in the joined table"] if unmatched else []
    if joined is not None and len(joined.rows.keys() - used):
        notes.append(f"{len(joined.rows.keys() - used)} of {len(joined.rows)} rows of the joined table fit no study")
    if "label" not in extra:
        notes.append("there is no column `label`; add it before training, such as with --join TABLE --on COLUMN")
    return stream.getvalue(), notes


def _cell(cells: Mapping[str, str], subject: str, phase: str, row: Mapping[str, Series]) -> str:
    if phase not in row:
        return ""
    return cells.get(f"{subject}\0{phase}") or cells[row[phase].series]
