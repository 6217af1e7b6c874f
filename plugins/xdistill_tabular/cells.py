"""Cells of the data set ``table`` that are not plain numbers: decimal commas, units, limits, grades."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xdistill.errors import DataError, UserError
from xdistill.interfaces import Cell, SubjectReader
from xdistill.tables import (
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

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def rows_of(path: Path) -> list[dict[str, str]]:
    """The rows of a table in any format, by column.

    Raises:
        DataError: if it cannot be read.
    """
    return [dict(line.cells) for line in read_table(path).lines]


def readings_of(
    path: Path, rows: Sequence[Mapping[str, str]], columns: Sequence[str], usual: frozenset[str]
) -> dict[str, Reading]:
    """How the columns are read that do not hold plain numbers alone.

    Args:
        path: for messages.
        rows: of the table.
        columns: that are read.
        usual: texts that mean a missing value, in lower case.

    Raises:
        DataError: for a column that does not hold numbers.
    """
    texts_of = {column: [row[column] for row in rows] for column in columns}
    odd = {
        column: texts
        for column, texts in texts_of.items()
        if any(as_number(text) is None and text.lower() not in usual for text in set(texts))
    }
    habits = habits_of(set(texts) for texts in odd.values()) if odd else Habits()
    return {column: _reading(path, column, texts, habits, usual) for column, texts in odd.items()}


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


def _reading(path: Path, column: str, texts: Sequence[str], habits: Habits, usual: frozenset[str]) -> Reading:
    known = ["" if text.lower() in usual or text.lower() in MISSING else text for text in texts]
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
