"""Finds the files of each subject: volumes, masks and boxes. No file is opened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from xdistill_mri.manifest.config import ManifestConfig
from xdistill_mri.manifest.problems import Problems
from xdistill_mri.manifest.table import Line, Table
from xdistill_mri.preprocess.folder import holds_dicom
from xdistill_mri.preprocess.settings import Box
from xdistill_mri.preprocess.source import PICTURES, SUFFIXES, VOLUMES, Bounds, VolumeSource, kind_of

SubjectVolumes = Mapping[str, VolumeSource | None]


@dataclass
class _Search:
    """State of the search, passed from row to row."""

    folder: Path
    config: ManifestConfig
    problems: Problems
    owners: dict[tuple[str, Path, int | None], tuple[str, int]] = field(default_factory=dict)
    found: set[Path] = field(default_factory=set)
    number: int = 0


def find_volumes(
    table: Table, columns: Mapping[str, str], patients: list[str], config: ManifestConfig, problems: Problems
) -> list[SubjectVolumes]:
    """Find the volumes of every subject; adds a problem for each that is missing or invalid."""
    search = _Search(table.file.parent, config, problems)
    found: list[SubjectVolumes] = []
    for line, patient in zip(table.lines, patients, strict=True):
        found.append({name: _volume(search, line, name, column, patient) for name, column in columns.items()})
        search.number += 1
    for name, column in columns.items():
        if not any(table.column(column)):
            problems.add(f"no subject has a volume {name!r}: the column {column!r} is empty")
        _check_kind(name, [volumes[name] for volumes in found], config, problems)
    return found


def _check_kind(
    modality: str, sources: Sequence[VolumeSource | None], config: ManifestConfig, problems: Problems
) -> None:
    """All files of a modality are volumes or all are pictures, and the settings fit them."""
    settings = config.prepared(modality)
    kinds = {settings.kind or kind_of(source.file) for source in sources if source is not None}
    if len(kinds) > 1:
        problems.add(f"{modality!r} has files of volumes and of pictures; set its `preprocess.kind`")
    for kind in kinds:
        if wrong := settings.wrong_for(kind):
            problems.add(f"{modality!r}: {wrong}")


def _row(search: _Search, line: Line, modality: str) -> int | None:
    """The subject's index in an array that holds all subjects."""
    volume = (search.config.volumes or {}).get(modality)
    if volume is None or volume.row is None:
        return None
    if volume.row is True:
        return search.number
    text = line.cells[volume.row]
    if text.isdecimal():
        return int(text)
    search.problems.add(
        f"{text!r} in the column {volume.row!r} is not the index of a row; use whole numbers from 0",
        line=line.number,
        cause=f"row {modality}",
    )
    return None


def _volume(search: _Search, line: Line, modality: str, column: str, patient: str) -> VolumeSource | None:
    text = line.cells[column]
    if not text:
        return None
    file, row = _file(search, line, column, text), _row(search, line, modality)
    owner, number = search.owners.setdefault((column, file, row), (patient, line.number))
    if owner != patient and file in search.found:
        search.problems.add(
            f"{text!r} in the column {column!r} is also the volume of another patient, on line {number}"
            f"{_all_subjects(modality, file)}",
            line=line.number,
            cause=f"owner {column} {file}",
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
                f"the volume {modality!r} has no mask to crop it by (column {crop.mask!r})",
                line=line.number,
                cause=f"mask {modality}",
            )
    if crop is not None and crop.box is not None:
        bounds = _bounds(search, line, crop.box)
    return VolumeSource(file, mask, bounds, array, row)


def _all_subjects(modality: str, file: Path) -> str:
    if not file.name.lower().endswith((".npy", ".npz")):
        return ""
    return f"; if the array holds all subjects, set `volumes: {{{modality}: {{row: …}}}}`"


def _file(search: _Search, line: Line, column: str, text: str) -> Path:
    file = search.folder / text
    where = f"{text!r} in the column {column!r}"
    try:
        is_folder, exists = file.is_dir(), file.is_file()
    except OSError as error:
        search.problems.add(f"{where} cannot be read: {error.strerror or error}", line=line.number, cause="look up")
        return file
    if is_folder:
        if not holds_dicom(file):
            search.problems.add(
                f"{where} is a folder without DICOM files; name a file, or the folder of a DICOM series",
                line=line.number,
                cause=f"folder {column}",
            )
        search.found.add(file)
    elif not text.lower().endswith(SUFFIXES):
        search.problems.add(
            f"{where} is not a volume: files end in {', '.join(VOLUMES)}; nor a picture: {', '.join(PICTURES)}",
            line=line.number,
            cause=f"ending {column}",
        )
    elif not exists:
        hint = "; write it with / instead of \\" if "\\" in text else ""
        hint += "" if search.config.volumes else "; if the column is no input, name those that are in `data.volumes`"
        search.problems.add(
            f"{where} does not exist: there is no file {file}{hint}", line=line.number, cause=f"missing {column}"
        )
    else:
        search.found.add(file)
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
                    cause=f"bound {bound}",
                )
                return None
            numbers.append(int(text))
        pairs.append((numbers[0], numbers[1]))
    return pairs[0], pairs[1], pairs[2]
