"""CSV and TSV: the delimiter is looked for where none is set."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from xdistill.errors import DataError
from xdistill.untrusted import from_cell, may_hold_cells

NAMED = {";": "';'", "\t": "a tab ('\\t')", "|": "'|'", ",": "','"}
_LOOKED_AT = 200  # rows that a delimiter has to divide evenly
_HEAD = 2**20  # characters of them
_LARGEST_CELL = 2**24
_SPACE = re.compile(r"[^\S\r\n]|[\x1c-\x1f\x85]")


def named(delimiter: str) -> str:
    """A delimiter in a message."""
    return NAMED.get(delimiter, repr(delimiter))


def records(text: str, file: Path, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not blank, with the line on which each starts.

    Raises:
        DataError: for quotes that do not end.
    """
    csv.field_size_limit(_LARGEST_CELL)
    tight = _SPACE.search(text) is None  # no cell of a large table of numbers has to be stripped
    marked = may_hold_cells(text)  # by an apostrophe before what a spreadsheet would take for a formula
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    start = 1
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise DataError(f"{file}, line {start}: cannot be read as CSV ({error}); check its quotes") from error
        if cells is None:
            return
        stripped = cells if tight else [cell.strip() for cell in cells]
        if any(stripped):
            yield start, [from_cell(cell) for cell in stripped] if marked else stripped
        start = reader.line_num + 1


def find_delimiter(text: str, file: Path) -> str:
    """The delimiter of a text: the comma if it divides every row alike, else the mark that does it best."""
    if len(text) > _HEAD:
        text = text[: text.rfind("\n", 0, _HEAD) + 1] or text
    best, best_score = ",", (0.0, 0)
    for mark in (",", ";", "\t", "|"):
        try:
            counts = [len(cells) for _, cells in islice(records(text, file, mark), _LOOKED_AT)]
        except DataError:
            continue
        if not counts:
            return ","
        width, alike = Counter(counts).most_common(1)[0]
        if width < 2:  # noqa: PLR2004 -- a mark that divides nothing
            continue
        score = (alike / len(counts), min(width, counts[0]))
        if mark == "," and alike == len(counts):
            return ","
        if score > best_score:
            best, best_score = mark, score
    return best


def check_delimiter(file: Path, header: list[str], delimiter: str) -> None:
    """Refuse a set delimiter that the header does not have, if it has another one.

    Raises:
        DataError: naming the likely one.
    """
    if len(header) > 1:
        return
    counts = Counter(mark for mark in header[0] if mark in NAMED and mark != delimiter)
    if counts:
        likely = counts.most_common(1)[0][0]
        setting = "\\t" if likely == "\t" else likely
        raise DataError(
            f"{file}: there is a single column when split at {named(delimiter)}; the file seems to use "
            f'{named(likely)}: set `delimiter: "{setting}"`'
        )
