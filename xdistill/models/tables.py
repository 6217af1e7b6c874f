"""New subjects from a table, a folder, or single files. No image is opened here."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from xdistill.arrays.reading import listed
from xdistill.errors import DataError
from xdistill.interfaces.reader import Cell
from xdistill.models.arrays import check_names
from xdistill.models.subject import NewSubject
from xdistill.models.table_file import read_file
from xdistill.suggest import did_you_mean
from xdistill.types import ColumnSpec, ModalitySpec
from xdistill.untrusted import normal_id

if TYPE_CHECKING:
    from xdistill.models.ensemble import Ensemble

SUBJECT = "subject"
MISSING = frozenset({"", "na", "n/a", "nan", "null"})


def read_table(model: Ensemble, path: Path, notes: list[str] | None = None) -> list[NewSubject]:
    """The subjects of a table with a header and one row per subject: CSV, TSV, XLSX or Parquet.

    Args:
        model: whose modalities are looked for. Further columns, such as labels and privileged items, are ignored.
        path: the file; paths in it are relative to its folder. Without a column ``subject``, ids are the numbers of
            the rows.
        notes: gets what was detected in the file, such as decimal commas.

    Raises:
        DataError: for a file that cannot be read as a table, a column too few, or an id that occurs twice.
    """
    table, found_out = read_file(model, path)
    if notes is not None:
        notes += found_out
    _check_columns(model, table.header, path)
    subject_column = model.reader.subject if model.reader is not None else SUBJECT
    found: list[NewSubject] = []
    first: dict[str, int] = {}
    for place, line in enumerate(table.lines, start=1):
        subject = normal_id(line.cells.get(subject_column, "")) or str(place)
        if first.setdefault(subject, line.number) != line.number:
            raise DataError(f"{path}, line {line.number}: the subject {subject!r} is also on line {first[subject]}")
        found.append(subject_of_row(model, subject, line.cells, path.parent, f"{path}, line {line.number}"))
    return found


def one_subject(model: Ensemble, files: Mapping[str, Path | str], subject: str = "1") -> NewSubject:
    """One subject by the file of each modality, such as ``{"hbp": "a.nii.gz", "pre": "b.nii.gz"}``.

    Raises:
        UserError: for a modality that is missing, unknown or privileged.
        DataError: if the model's modalities are not read from files.
    """
    optional = [name for name in model.config.optional if name not in files]
    check_names(model, {**files, **dict.fromkeys(optional)}, "the subject")
    columns = _cell_columns(model)
    for name in files:
        if name not in columns:
            raise DataError(f"modality `{name}` is not read from a file; put its columns into a CSV file")
    row = {columns[name]: str(file) for name, file in files.items()}
    return subject_of_row(model, subject, row, Path(), "the subject")


def read_folder(model: Ensemble, path: Path) -> list[NewSubject]:
    """The subjects of a folder: ``<subject>/<modality>.nii.gz``, or ``<subject>_<modality>.nii.gz``.

    Raises:
        DataError: if there is no such file, or no folder.
    """
    if not path.is_dir():
        raise DataError(f"{path}: no such folder")
    columns = _cell_columns(model)
    suffixes = tuple(model.reader.suffixes) if model.reader is not None else ()
    if not columns or not suffixes:
        raise DataError("the model's modalities are not read from files; put their columns into a CSV file")
    found: dict[str, dict[str, str]] = {}
    for file in sorted([*path.glob("*"), *path.glob("*/*")]):
        name = file.name.lower()
        suffix = max((end for end in suffixes if name.endswith(end)), key=len, default="")
        if not suffix or file.is_dir():
            continue
        stem = file.name[: -len(suffix)]
        for modality, column in columns.items():
            subject = file.parent.name if stem == modality and file.parent != path else ""
            subject = stem.removesuffix(f"_{modality}") if stem.endswith(f"_{modality}") else subject
            if subject:
                found.setdefault(normal_id(subject), {})[column] = str(file.relative_to(path))
    if not found:
        example = next(iter(columns))
        raise DataError(
            f"{path}: there are no files of {listed(columns)}; name them <subject>/{example}{suffixes[0]} or "
            f"<subject>_{example}{suffixes[0]}"
        )
    return [subject_of_row(model, subject, row, path, f"{path / subject}") for subject, row in found.items()]


def _cell_columns(model: Ensemble) -> dict[str, str]:
    """Columns of the modalities that the reader reads, by modality."""
    if model.reader is None:
        return {}
    return {name: model.reader.columns[name] for name in model.inputs if name in model.reader.columns}


def _check_columns(model: Ensemble, header: Sequence[str], path: Path) -> None:
    columns = _cell_columns(model)
    if model.reader is not None:
        header = list(model.reader.plain(dict.fromkeys(header, "")))
    for name, spec in model.schema.modalities.items():
        if name in columns:
            assert model.reader is not None  # noqa: S101 - it has named the column
            needed: Iterable[str] = [columns[name], *model.reader.further_columns(name)]
        elif spec.kind == "vector" and spec.columns:
            needed = [column.name for column in spec.columns]
        else:
            raise DataError(
                f"modality `{name}` cannot be read from a table: its data set reads no new files. Predict from Python, "
                f"with arrays"
            )
        for column in needed:
            if column not in header and name not in model.config.optional:
                hint = did_you_mean(column, header, "columns")
                raise DataError(f"{path}: the column `{column}` of modality `{name}` is missing{hint}")


def subject_of_row(model: Ensemble, subject: str, row: Mapping[str, str], folder: Path, where: str) -> NewSubject:
    """One subject by a row of a table.

    Args:
        model: that predicts.
        subject: the id.
        row: by column.
        folder: that paths are relative to.
        where: for messages.

    Raises:
        DataError: for a number that cannot be read.
    """
    columns = _cell_columns(model)
    row = row if model.reader is None else model.reader.plain(row)
    cells: dict[str, Cell | None] = {}
    vectors: dict[str, NDArray[np.float64]] = {}
    for name, spec in model.schema.modalities.items():
        if name in columns:
            text = row.get(columns[name], "")
            absent = text.lower() in MISSING if model.reader is not None and model.reader.suffixes else not text
            cells[name] = None if absent else Cell(text, row, folder)
        else:
            vectors[name] = _vector(spec, row, f"{where}: modality `{name}`")
    return NewSubject(subject, cells, vectors, where, row)


def _vector(spec: ModalitySpec, row: Mapping[str, str], where: str) -> NDArray[np.float64]:
    return np.array([_value(column, row.get(column.name, ""), where) for column in spec.columns], dtype=np.float64)


def _value(column: ColumnSpec, text: str, where: str) -> float:
    """A number, or the index of a category; NaN if it is missing, or a category that training did not have."""
    if text.lower() in MISSING and text not in column.categories:
        return math.nan
    if column.kind == "categorical":
        return float(column.categories.index(text)) if text in column.categories else math.nan
    try:
        number = math.nan if "_" in text else float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        limit = "; no training subject had a limit of the assay" if text[:1] in {"<", ">"} else ""
        raise DataError(f"{where}: {text!r} in the column `{column.name}` is not a number{limit}")
    return number
