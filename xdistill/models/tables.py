"""New subjects from a CSV file, a folder, or single files. No image is opened here."""

from __future__ import annotations

import csv
import io
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
from xdistill.suggest import did_you_mean
from xdistill.types import ColumnSpec, ModalitySpec
from xdistill.untrusted import TABLE, read_bytes

if TYPE_CHECKING:
    from xdistill.models.ensemble import Ensemble

SUBJECT = "subject"
MISSING = frozenset({"", "na", "n/a", "nan", "null"})


def read_table(model: Ensemble, path: Path) -> list[NewSubject]:
    """The subjects of a CSV file with a header and one row per subject.

    Args:
        model: whose modalities are looked for. Further columns, such as labels and privileged items, are ignored.
        path: the file; paths in it are relative to its folder. Without a column ``subject``, ids are the numbers of
            the rows.

    Raises:
        DataError: for a file that cannot be read as CSV, a column too few, or an id that occurs twice.
    """
    header, rows = _csv(path)
    _check_columns(model, header, path)
    subject_column = model.reader.subject if model.reader is not None else SUBJECT
    found: list[NewSubject] = []
    first: dict[str, int] = {}
    for number, (line, cells) in enumerate(rows, start=1):
        row = dict(zip(header, cells, strict=True))
        subject = row.get(subject_column, "") or str(number)
        if first.setdefault(subject, line) != line:
            raise DataError(f"{path}, line {line}: the subject {subject!r} is also on line {first[subject]}")
        found.append(subject_of_row(model, subject, row, path.parent, f"{path}, line {line}"))
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
                found.setdefault(subject, {})[column] = str(file.relative_to(path))
    if not found:
        example = next(iter(columns))
        raise DataError(
            f"{path}: there are no files of {listed(columns)}; name them <subject>/{example}{suffixes[0]} or "
            f"<subject>_{example}{suffixes[0]}"
        )
    return [subject_of_row(model, subject, row, path, f"{path / subject}") for subject, row in found.items()]


def _csv(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    try:
        text = read_bytes(path, TABLE).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{path}: not UTF-8 text; save the table as CSV (UTF-8)") from None
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count) if first else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[tuple[int, list[str]]] = []
    try:
        rows.extend(
            (reader.line_num, [cell.strip() for cell in cells]) for cells in reader if any(map(str.strip, cells))
        )
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num}: cannot be read as CSV ({error})") from None
    if len(rows) < 2:  # noqa: PLR2004 - the header and one row
        raise DataError(f"{path}: the table has no rows; it needs a header and one row per subject")
    (_, header), *rest = rows
    for line, cells in rest:
        if len(cells) != len(header):
            raise DataError(f"{path}, line {line}: has {len(cells)} cells where the header has {len(header)}")
    return header, rest


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
        raise DataError(f"{where}: {text!r} in the column `{column.name}` is not a number")
    return number
