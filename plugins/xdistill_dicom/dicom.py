"""The format ``dicom``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from xdistill.errors import DataError
from xdistill.interfaces import Space
from xdistill.interfaces.series import Chosen, Found, Privacy, SeriesFormat, SeriesVolume, Written
from xdistill.interfaces.series.format import Progress
from xdistill_dicom.grouping import LOCALISER, Part, by_series, parts_of
from xdistill_dicom.listing import describe
from xdistill_dicom.manifest import Plan, write_manifest
from xdistill_dicom.privacy import Pseudonyms, load_key
from xdistill_dicom.reading.parse import is_dicom
from xdistill_dicom.reading.pixels import read_values
from xdistill_dicom.reading.scan import files_below, scan
from xdistill_dicom.reading.voxels import NO_IMAGE
from xdistill_dicom.rules import choose


class Dicom(SeriesFormat):
    """Series of DICOM images, one slice per file (https://www.dicomstandard.org)."""

    def find(
        self, folder: Path, privacy: Privacy, *, jobs: int | None = None, on_progress: Progress | None = None
    ) -> Found:
        """The series below a folder, from headers alone."""
        folder = folder.absolute()
        scanned = scan(files_below(folder), jobs=jobs, on_progress=_named(on_progress, "headers"))
        if not scanned.headers:
            raise DataError(f"{folder}: no DICOM file ({scanned.other} files of other formats)")
        key, notes = None, []
        if privacy.key is not None:
            key, made = load_key(privacy.key)
            notes = [
                f"{privacy.key}: a new key, which ids of patients are hashed with; keep it and keep it secret"
            ] * made
        series = describe(scanned.headers, folder, Pseudonyms(key), dates=privacy.dates)
        return Found(folder, privacy, tuple(series), scanned.other, tuple(notes))

    def choose(self, found: Found, rules: Mapping[str, Any]) -> Chosen:
        """The series of each study that fit rules."""
        return choose(found, rules)

    def write(
        self,
        chosen: Chosen,
        manifest: Path,
        *,
        convert: Path | None = None,
        join: tuple[Path, str] | None = None,
        jobs: int | None = None,
        on_progress: Progress | None = None,
    ) -> Written:
        """Write the manifest of a cohort."""
        privacy = chosen.found.privacy
        plan = Plan(manifest, convert, join, jobs, keeps_ids=privacy.key is None, dates=privacy.dates)
        return write_manifest(chosen, plan, on_progress)

    def files(self, folder: Path) -> Sequence[Path]:
        """The DICOM files below a folder."""
        found = [file for file in files_below(folder) if is_dicom(file)]
        if not found:
            raise DataError(_without(folder))
        return found

    def read(self, folder: Path) -> SeriesVolume:
        """The only volume below a folder."""
        part = self._only(folder)
        return SeriesVolume(read_values(part.grid.slices), np.array(part.grid.affine))

    def space(self, folder: Path) -> Space:
        """Its grid."""
        part = self._only(folder)
        rows, columns = part.grid.slices[0].size
        return Space((columns, rows, len(part.grid.slices)), part.grid.affine, None)

    def _only(self, folder: Path) -> Part:
        return _only(folder, tuple(map(_version, files_below(folder))))


def _version(file: Path) -> tuple[Path, int, int]:
    """The file, when it was changed and its size; zeros for what cannot be looked at, such as a broken link."""
    try:
        stat = file.stat()
    except OSError:
        return file, 0, 0
    return file, stat.st_mtime_ns, stat.st_size


@lru_cache(maxsize=16)  # an importer asks for the space, the orientation and the values of the volumes of one subject
def _only(folder: Path, files: tuple[tuple[Path, int, int], ...]) -> Part:
    headers = scan([file for file, _, _ in files]).headers
    if not headers:
        raise DataError(_without(folder))
    parts = [part for series in by_series(headers) for part in parts_of(series)]
    volumes = [part for part in parts if not _aside(part)] or parts
    if len(volumes) > 1:
        raise DataError(f"{folder}: {_several(volumes)}; choose one with `xdistill data dicom {folder}`")
    if volumes[0].problems:
        raise DataError(f"{folder}: the DICOM series cannot be used: {'; '.join(volumes[0].problems)}")
    return volumes[0]


def _without(folder: Path) -> str:
    return f"{folder}: a folder without DICOM files; name a file, or the folder of a DICOM series"


def _aside(part: Part) -> bool:
    """Localisers and what holds no image may lie next to a volume."""
    return any(problem.startswith((LOCALISER, NO_IMAGE)) for problem in part.problems)


def _several(parts: Sequence[Part]) -> str:
    points = sum(part.number > 0 for part in parts)
    if points == len(parts):
        return f"a DICOM series of {points} time points, where one volume is needed"
    return f"{len(parts)} DICOM series, where one is needed"


def _named(on_progress: Progress | None, what: str) -> Callable[[int, int], None] | None:
    return None if on_progress is None else partial(on_progress, what)
