"""Reads a table whose columns are added to a manifest by the patients' ids."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from xdistill.errors import DataError
from xdistill.untrusted import TABLE, read_text

_DELIMITERS = ",;\t|"


@dataclass(frozen=True)
class Joined:
    """A table by patient, without the column of ids.

    Attributes:
        columns: names, in order.
        rows: cells by patient's id, by column.
    """

    columns: tuple[str, ...]
    rows: Mapping[str, Mapping[str, str]]


def read_joined(file: Path, column: str, *, taken: Sequence[str]) -> Joined:
    """Read a CSV file.

    Args:
        file: in UTF-8; the separator is the most frequent one of the header.
        column: with the patients' ids.
        taken: names of columns that it may not have.

    Raises:
        DataError: for a file that cannot be read, lacks the column, repeats an id, or has a column of a taken name.
    """
    text = read_text(file, TABLE)
    head = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text), delimiter=max(_DELIMITERS, key=head.count))
    header = [name.strip() for name in next(reader, [])]
    if column not in header:
        raise DataError(f"{file}: no column {column!r}; it has {', '.join(header) or 'none'}")
    clash = sorted({name for name in header if name != column} & set(taken))
    if clash or len(set(header)) < len(header):
        raise DataError(f"{file}: rename the column {clash[0]!r}" if clash else f"{file}: a column's name occurs twice")
    at = header.index(column)
    rows: dict[str, Mapping[str, str]] = {}
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            raise DataError(f"{file}, line {reader.line_num}: {len(cells)} cells where the header has {len(header)}")
        if cells[at].strip() in rows:
            raise DataError(f"{file}, line {reader.line_num}: this id occurs a second time; a patient has one row")
        rows[cells[at].strip()] = {
            name: cell.strip() for name, cell in zip(header, cells, strict=True) if name != column
        }
    return Joined(tuple(name for name in header if name != column), rows)
