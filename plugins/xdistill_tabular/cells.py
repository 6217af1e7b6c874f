"""Cells of the data set ``table`` that are not plain numbers: decimal commas, units, limits, grades."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xdistill.errors import DataError, UserError
from xdistill.interfaces import Cell, LabelsError, LabelTable, SubjectReader
from xdistill.tables import (
    CENSORED,
    MISSING,
    ColumnSettings,
    Habits,
    Reading,
    as_number,
    find_reading,
    habits_of,
    plain_row,
    read_table,
)
from xdistill.types import ColumnSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


_RANGE = re.compile(r"(.*)\[(\d+)\.\.(\d+)\]")
_MISSING = frozenset({"", "nan", "na", "?"})


def filled(cell: str) -> str:
    """The cell; nothing for a text that means a missing value."""
    return "" if cell.lower() in _MISSING else cell


def spelled(entry: str) -> list[str]:
    """The columns of one entry: itself, or a range of numbered ones."""
    found = _RANGE.fullmatch(entry)
    if found is None:
        return [entry]
    stem, first, last = found[1], int(found[2]), int(found[3])
    return [f"{stem}{number}" for number in range(first, last + 1)]


def rows_of(path: Path) -> list[dict[str, str]]:
    """The rows of a table in any format, by column.

    Raises:
        DataError: if it cannot be read.
    """
    return [dict(line.cells) for line in read_table(path).lines]


def readings_of(path: Path, rows: Sequence[Mapping[str, str]], columns: Sequence[str]) -> dict[str, Reading]:
    """How the columns are read that do not hold plain numbers alone.

    Args:
        path: for messages.
        rows: of the table.
        columns: that are read.

    Raises:
        DataError: for a column that does not hold numbers.
    """
    texts_of = {column: [row[column] for row in rows] for column in columns}
    odd = {
        column: texts
        for column, texts in texts_of.items()
        if any(as_number(text) is None and filled(text) for text in set(texts))
    }
    habits = habits_of(set(texts) for texts in odd.values()) if odd else Habits()
    return {column: _reading(path, column, texts, habits) for column, texts in odd.items()}


def specs_of(columns: Sequence[str], readings: Mapping[str, Reading]) -> tuple[ColumnSpec, ...]:
    """The columns of a vector: each by its name, followed by which of its values are limits if some are."""
    specs: list[ColumnSpec] = []
    for column in columns:
        reading = readings.get(column)
        specs.append(ColumnSpec(column))
        if reading is not None and reading.limits:
            specs.append(ColumnSpec(column + CENSORED, "categorical", categories=("no", *reading.limits)))
    return tuple(specs)


def numbers_of(cell: str, reading: Reading | None) -> list[float]:
    """The numbers of one cell, as many as `specs_of` has for its column; NaN for a missing value.

    Args:
        cell: empty if the value is missing.
        reading: of the column; None for plain numbers.
    """
    if reading is None:
        return [float(cell or "nan")]
    number = float(reading.plain(cell) or "nan")
    if not reading.limits:
        return [number]
    limit = reading.limit(cell)
    return [number, float(("no", *reading.limits).index(limit)) if limit else float("nan")]


def check_sizes(values: Mapping[str, NDArray[np.float64]], rows: Sequence[int], path: Path) -> None:
    """Refuse numbers that 32 bits cannot hold.

    Args:
        values: by modality, ``(subjects, columns)``.
        rows: of the subjects in the file, counted from 0.
        path: for messages.

    Raises:
        DataError: naming up to five rows.
    """
    import numpy as np

    for name, matrix in values.items():
        large = np.abs(matrix) > np.finfo(np.float32).max
        if large.any():
            wrong = [rows[place] for place in np.flatnonzero(large.any(axis=1)).tolist()]
            raise DataError(
                f"{path}, {LabelTable({}, '', row='row').where(wrong)}: a value of {name!r} is too large for 32 bits, "
                f"such as {matrix[large][0]:g}; correct it, or leave it empty"
            )


def read_classes(table: LabelTable, classes: Sequence[str], *, some: bool) -> list[int | None]:
    """The index of each class; None for a subject without a label.

    Args:
        table: with the column of labels.
        classes: all.
        some: whether subjects may have no label.

    Raises:
        LabelsError: for missing labels and texts that are no class.
    """
    labels = table.cells(table.label)
    unknown = [row for row, label in enumerate(labels) if label and label not in classes]
    problems = [] if some else table.missing([table.label])
    problems += table.others(table.label, unknown, f"one of the classes {', '.join(classes)} (`data.classes`)")
    if problems:
        raise LabelsError(problems)
    return [classes.index(label) if label else None for label in labels]


class CellReader(SubjectReader):
    """Reads the cells of new subjects as training read them.

    Args:
        settings: what `settings_of` returned.

    Raises:
        UserError: if the settings are not valid.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.columns: Mapping[str, str] = {}
        try:
            self.subject = str(settings["subject"])
            self._readings = [Reading.from_json(one) for one in settings["cells"]]
        except (KeyError, TypeError) as error:
            raise UserError(f"the model's settings for reading tables are not valid: {error}") from None

    def plain(self, row: Mapping[str, str]) -> Mapping[str, str]:
        """The row with plain numbers."""
        return plain_row(row, self._readings)

    def read(self, modality: str, cell: Cell) -> NDArray[np.generic]:
        """Not called: all modalities are vectors."""
        raise NotImplementedError


def settings_of(readings: Mapping[str, Reading], subject: str | None) -> Mapping[str, Any] | None:
    """What `CellReader` needs; None if every column holds plain numbers and ids have their usual name."""
    if not readings and subject in {None, "subject"}:
        return None
    return {
        "subject": subject or "subject",
        "cells": [replace(reading, notes=()).to_json() for reading in readings.values()],
    }


def _reading(path: Path, column: str, texts: Sequence[str], habits: Habits) -> Reading:
    known = ["" if text.lower() in MISSING else filled(text) for text in texts]
    found = find_reading(column, known, ColumnSettings(), habits)
    wrong = set(found.wrong)
    if not found.reading.numeric or found.left_out or found.reading.is_plain:
        wrong |= {text for text in known if text and as_number(text) is None}
    if found.problem:
        raise DataError(f"{path}: the column {column!r} {found.problem}")
    for place, text in enumerate(known, start=1):
        if text in wrong:
            raise DataError(
                f"{path}, row {place}, column {column!r}: {text!r} is not a number; code categories as numbers"
            )
    return found.reading
