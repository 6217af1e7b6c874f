"""Writes a cohort as files: a CSV table and one file per image, as importers read them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from xdistill.data.protocol import CohortLike
from xdistill.errors import DataError, UserError
from xdistill.extras import require
from xdistill.types import ColumnSpec, ModalitySpec
from xdistill.untrusted import CsvWriter

if TYPE_CHECKING:
    from numpy.typing import NDArray

TABLE = "subjects.csv"
Format = Literal["nifti", "npy"]
Writer = Callable[[Path, "NDArray[np.float32]"], Path]


def export_cohort(
    cohort: CohortLike,
    folder: Path,
    *,
    modalities: Sequence[str] | None = None,
    file_format: Format = "nifti",
    labels: bool = True,
    limit: int | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> Path:
    """Write ``subjects.csv`` and ``<subject>/<modality>.nii.gz``, or ``.tif`` for pictures.

    Values are those of the cohort, which are preprocessed already. The spacing of NIfTI files is 1 mm, since cohort
    files hold none. Pictures are TIFF files of 32-bit numbers. Volumes of several channels are 4-D NIfTI files; arrays
    have their channels first.

    Args:
        cohort: to write.
        folder: new or empty.
        modalities: to write; None: all.
        file_format: of images: ``nifti`` for volumes (needs nibabel) and TIFF for pictures (needs tifffile), or
            ``npy`` for both.
        labels: write the column ``label``.
        limit: write that many subjects, the first; None: all.
        on_progress: called with the number of subjects written.

    Returns:
        The table.

    Raises:
        DataError: for a modality that cannot be written as a file.
        UserError: if the folder is not empty, or nibabel or tifffile is not installed.
    """
    chosen = tuple(cohort.schema.modalities) if modalities is None else tuple(modalities)
    for name in chosen:
        _check(name, cohort.schema.modalities.get(name))
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder}: exists already; choose a new folder")
    writers = {name: _writer(cohort.schema.modalities[name], file_format) for name in chosen}
    count = len(cohort) if limit is None else min(limit, len(cohort))
    folder.mkdir(parents=True, exist_ok=True)
    table = folder / TABLE
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = CsvWriter(file)
        writer.writerow(_header(cohort, chosen, labels=labels))
        for row in range(count):
            writer.writerow(_row(cohort, row, folder, writers, labels=labels))
            if on_progress is not None:
                on_progress(row + 1)
    return table


def _check(name: str, spec: ModalitySpec | None) -> None:
    if spec is None:
        raise DataError(f"the cohort has no modality {name!r}")
    if spec.kind == "vector" and not spec.columns:
        raise DataError(f"modality {name!r} is a vector without names of columns, which a table cannot hold")


def _header(cohort: CohortLike, modalities: Sequence[str], *, labels: bool) -> list[str]:
    header = ["subject", "patient", *(["label"] if labels else [])]
    for name in modalities:
        spec = cohort.schema.modalities[name]
        header += [column.name for column in spec.columns] if spec.kind == "vector" else [name]
    return header


def _row(
    cohort: CohortLike,
    row: int,
    folder: Path,
    writers: Mapping[str, Writer],
    *,
    labels: bool,
) -> list[str]:
    subject = cohort.subjects[row]
    task = cohort.schema.task
    cells = [subject, cohort.patients[row]]
    if labels:
        target = cohort.targets[row]
        text = task.names[target] if task.kind == "classification" else task.target_text(target)
        cells.append(text if cohort.labelled[row] else "")
    for name, write in writers.items():
        spec = cohort.schema.modalities[name]
        present = bool(cohort.present(name)[row])
        values = cohort.values(name, [row])[0]
        if spec.kind == "vector":
            cells += [
                _text(column, value, present) for column, value in zip(spec.columns, values.tolist(), strict=True)
            ]
        elif present:
            home = folder / re.sub(r"[^\w.-]", "_", subject)
            home.mkdir(exist_ok=True)
            cells.append(str(write(home / name, values).relative_to(folder)))
        else:
            cells.append("")
    return cells


def _text(column: ColumnSpec, value: float, present: bool) -> str:
    if not present or np.isnan(value):
        return ""
    return column.categories[int(value)] if column.kind == "categorical" else repr(value)


def _writer(spec: ModalitySpec, file_format: Format) -> Writer:
    """Writes the values of one subject, channels first, and gives the file."""
    if spec.kind == "vector" or file_format == "npy":
        return _write_npy
    if spec.kind == "image":
        tifffile = require("tifffile", extra="images", purpose="writing pictures")

        def write_picture(path: Path, values: NDArray[np.float32]) -> Path:
            file = path.with_name(f"{path.name}.tif")
            pixels = np.ascontiguousarray(values[0] if len(values) == 1 else np.moveaxis(values, 0, -1))
            colour = len(values) == 3  # noqa: PLR2004 - red, green, blue
            tifffile.imwrite(file, pixels, photometric="rgb" if colour else "minisblack", planarconfig="contig")
            return file

        return write_picture
    nibabel = require("nibabel", extra="mri", purpose="writing NIfTI files")

    def write(path: Path, values: NDArray[np.float32]) -> Path:
        file = path.with_name(f"{path.name}.nii.gz")
        voxels = values[0].transpose(2, 1, 0) if len(values) == 1 else values.transpose(3, 2, 1, 0)
        nibabel.save(nibabel.Nifti1Image(np.ascontiguousarray(voxels), np.eye(4)), file)
        return file

    return write


def _write_npy(path: Path, values: NDArray[np.float32]) -> Path:
    file = path.with_name(f"{path.name}.npy")
    np.save(file, values[0] if len(values) == 1 else values)
    return file
