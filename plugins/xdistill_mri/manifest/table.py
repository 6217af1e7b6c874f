"""Reading the CSV file: its bytes, its text, its cells."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from xdistill.errors import DataError
from xdistill_mri.manifest.faults import Faults

_DELIMITERS = {";": "';'", "\t": "a tab ('\\t')", "|": "'|'", ",": "','"}
_EXCEL = b"PK\x03\x04"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class Line:
    """One row of the table.

    Attributes:
        number: line of the file, counted from 1.
        cells: text by column, without surrounding blanks.
    """

    number: int
    cells: dict[str, str]


@dataclass(frozen=True)
class Table:
    """A CSV file: the names of its columns and its rows."""

    file: Path
    header: tuple[str, ...]
    lines: tuple[Line, ...]

    def column(self, name: str) -> list[str]:
        """The cells of one column."""
        return [line.cells[name] for line in self.lines]

    def without(self, missing: Iterable[str], *, label: str, classes: Collection[str]) -> Table:
        """The same table with empty cells in place of texts that mean a missing value.

        Args:
            missing: such texts; upper and lower case are the same.
            label: column in which a text that is one of the classes stays.
            classes: the classes as far as the settings name them.
        """
        gone = {text.lower() for text in missing}

        def kept(column: str, text: str) -> str:
            return "" if text.lower() in gone and not (column == label and text in classes) else text

        lines = (
            Line(line.number, {name: kept(name, text) for name, text in line.cells.items()}) for line in self.lines
        )
        return Table(self.file, self.header, tuple(lines))


def read_table(file: Path, *, delimiter: str, encoding: str) -> Table:
    """Read a CSV file with a header.

    Raises:
        DataError: when it is missing, in another encoding or with another delimiter, has no row, or has a header
            or rows that do not fit; naming the lines.
    """
    records = list(_records(_text(file, encoding), file, delimiter))
    if not records:
        raise DataError(f"{file}: the file is empty; it needs a header and a row for each subject")
    (header_line, header), *rows = records
    _check_delimiter(file, header, delimiter)
    faults = Faults(file)
    _check_header(faults, header, header_line)
    faults.stop()
    if not rows:
        raise DataError(f"{file}: the cohort is empty: there is a header and no row below it")
    for number, cells in rows:
        if len(cells) != len(header):
            faults.add(
                f"has {len(cells)} cells where the header has {len(header)}; quote cells that hold the delimiter",
                line=number,
            )
    faults.stop()
    lines = tuple(Line(number, dict(zip(header, cells, strict=True))) for number, cells in rows)
    return Table(file, tuple(header), lines)


def _text(file: Path, encoding: str) -> str:
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{file}: there is no such file; set data.path to the cohort's CSV file") from None
    except IsADirectoryError:
        raise DataError(f"{file}: is a folder; set data.path to the CSV file in it") from None
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror or error})") from error
    if content.startswith(_EXCEL):
        raise DataError(f"{file}: is an Excel workbook, no CSV file; export the sheet as CSV (UTF-8)")
    utf8 = encoding.lower().replace("_", "-") in ("utf-8", "utf8")
    if utf8 and content.startswith(_UTF16):
        raise DataError(f"{file}: is UTF-16; save it as UTF-8, or set encoding: utf-16")
    try:
        return content.decode("utf-8-sig" if utf8 else encoding)
    except UnicodeError as error:
        number = content.count(b"\n", 0, getattr(error, "start", 0)) + 1
        raise DataError(
            f"{file}, line {number}: is not {encoding} text; save the file as UTF-8, or set encoding (files saved by "
            f"Excel in the West are often cp1252)"
        ) from error


def _records(text: str, file: Path, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not blank, with the line on which each starts."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    start = 1
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise DataError(f"{file}, line {start}: cannot be read as CSV ({error}); check its quotes") from error
        if cells is None:
            return
        if any(cell.strip() for cell in cells):
            yield start, [cell.strip() for cell in cells]
        start = reader.line_num + 1


def _check_delimiter(file: Path, header: list[str], delimiter: str) -> None:
    if len(header) > 1:
        return
    counts = Counter(mark for mark in header[0] if mark in _DELIMITERS and mark != delimiter)
    if counts:
        likely = counts.most_common(1)[0][0]
        setting = "\\t" if likely == "\t" else likely
        raise DataError(
            f"{file}: has a single column when split at {_named(delimiter)}, and seems to be delimited by "
            f'{_named(likely)}: set delimiter: "{setting}"'
        )


def _named(delimiter: str) -> str:
    return _DELIMITERS.get(delimiter, repr(delimiter))


def _check_header(faults: Faults, header: list[str], line: int) -> None:
    for position, name in enumerate(header, start=1):
        if not name:
            faults.add(f"column {position} has no name; name it or remove it", line=line)
    for name, count in Counter(header).items():
        if name and count > 1:
            places = [str(position) for position, other in enumerate(header, start=1) if other == name]
            faults.add(f"the column {name!r} appears {count} times (columns {', '.join(places)}); keep one", line=line)
