"""Cells of the data set ``table`` that are no plain numbers: decimal commas, units, limits, grades."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from xdistill.errors import DataError
from xdistill.tables import MISSING, ColumnSettings, Habits, Reading, as_number, find_reading, habits_of, read_table


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
