"""Finds the files of each subject: volumes, masks and boxes. No file is opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from xdistill_mri.manifest.config import ManifestConfig
from xdistill_mri.manifest.problems import Problems
from xdistill_mri.manifest.table import Line, Table
from xdistill_mri.preprocess.folder import holds_dicom
from xdistill_mri.preprocess.settings import Box
from xdistill_mri.preprocess.source import SUFFIXES, Bounds, VolumeSource

SubjectVolumes = Mapping[str, VolumeSource | None]


@dataclass
class _Search:
    """State of the search, passed from row to row."""

    folder: Path
    config: ManifestConfig
    problems: Problems
    owners: dict[tuple[str, Path], tuple[str, int]] = field(default_factory=dict)


def find_volumes(
    table: Table, columns: Mapping[str, str], patients: list[str], config: ManifestConfig, problems: Problems
) -> list[SubjectVolumes]:
    """Find the volumes of every subject; adds a problem for each that is missing or invalid."""
    search = _Search(table.file.parent, config, problems)
    found: list[SubjectVolumes] = []
    for line, patient in zip(table.lines, patients, strict=True):
        found.append({name: _volume(search, line, name, column, patient) for name, column in columns.items()})
    for name, column in columns.items():
        if not any(table.column(column)):
            problems.add(f"no subject has a volume {name!r}: the column {column!r} is empty")
    return found


def _volume(search: _Search, line: Line, modality: str, column: str, patient: str) -> VolumeSource | None:
    text = line.cells[column]
    if not text:
        return None
    file = _file(search, line, column, text)
    owner, number = search.owners.setdefault((column, file), (patient, line.number))
    if owner != patient:
        search.problems.add(
            f"{text!r} in the column {column!r} is also the volume of another patient, on line {number}",
            line=line.number,
        )
    array = search.config.volumes[modality].array if search.config.volumes else None
    crop = search.config.prepared(modality).crop
    mask = None
    bounds = None
    if crop is not None and crop.mask is not None:
        path = line.cells[crop.mask]
        if path:
            mask = _file(search, line, crop.mask, path)
        else:
            search.problems.add(
                f"the volume {modality!r} has no mask to crop it by (column {crop.mask!r})", line=line.number
            )
    if crop is not None and crop.box is not None:
        bounds = _bounds(search, line, crop.box)
    return VolumeSource(file, mask, bounds, array)


def _file(search: _Search, line: Line, column: str, text: str) -> Path:
    file = search.folder / text
    where = f"{text!r} in the column {column!r}"
    try:
        is_folder, exists = file.is_dir(), file.is_file()
    except OSError as error:
        search.problems.add(f"{where} cannot be looked up: {error.strerror or error}", line=line.number)
        return file
    if is_folder:
        if not holds_dicom(file):
            search.problems.add(
                f"{where} is a folder without DICOM files; name a file, or the folder of a DICOM series",
                line=line.number,
            )
    elif not text.lower().endswith(SUFFIXES):
        search.problems.add(f"{where} is not a volume: files end in {', '.join(SUFFIXES)}", line=line.number)
    elif not exists:
        hint = "; write it with / instead of \\" if "\\" in text else ""
        search.problems.add(f"{where} does not exist: there is no file {file}{hint}", line=line.number)
    return file


def _bounds(search: _Search, line: Line, box: Box) -> Bounds | None:
    pairs: list[tuple[int, int]] = []
    for axis in (box.depth, box.height, box.width):
        numbers: list[int] = []
        for bound in axis:
            text = str(bound) if isinstance(bound, int) else line.cells[bound]
            if not text.isdecimal():
                search.problems.add(
                    f"{text!r} in the column {bound!r} is not a bound of a box; use whole numbers of voxels from 0",
                    line=line.number,
                )
                return None
            numbers.append(int(text))
        pairs.append((numbers[0], numbers[1]))
    return pairs[0], pairs[1], pairs[2]
