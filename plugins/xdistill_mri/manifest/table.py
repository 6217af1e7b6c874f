"""Reads the CSV file."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from xdistill.errors import DataError
from xdistill.untrusted import TABLE, read_bytes
from xdistill_mri.manifest.problems import Problems
from xdistill_mri.preprocess.folder import holds_dicom

_DELIMITERS = {";": "';'", "\t": "a tab ('\\t')", "|": "'|'", ",": "','"}
_EXCEL = b"PK\x03\x04"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class Line:
    """One row of the table.

    Attributes:
        number: line of the file, counted from 1.
        cells: text by column, without surrounding white space.
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
        """The same table with empty cells for texts that mean a missing value.

        Args:
            missing: such texts; upper and lower case are the same.
            label: column in which a text that is one of the classes stays.
            classes: those named in the settings.
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
        DataError: for a missing file, another encoding or delimiter, no rows, or an invalid header or row; it names
            the lines.
    """
    records = list(_records(_text(file, encoding), file, delimiter))
    if not records:
        raise DataError(f"{file}: the file is empty; it needs a header and one row per subject")
    (header_line, header), *rows = records
    _check_delimiter(file, header, delimiter)
    problems = Problems(file)
    _check_header(problems, header, header_line)
    problems.stop()
    if not rows:
        raise DataError(f"{file}: the cohort is empty; the file has a header but no rows")
    for number, cells in rows:
        if len(cells) != len(header):
            problems.add(
                f"has {len(cells)} cells where the header has {len(header)}; quote cells that hold the delimiter",
                line=number,
            )
    problems.stop()
    lines = tuple(Line(number, dict(zip(header, cells, strict=True))) for number, cells in rows)
    return Table(file, tuple(header), lines)


def _text(file: Path, encoding: str) -> str:
    if holds_dicom(file):
        raise DataError(
            f"{file}: this is a folder of DICOM files; list its series and write a manifest with `xdistill data dicom "
            f"{file}`, and set `data.path` to that"
        )
    try:
        content = read_bytes(file, TABLE)
    except DataError as error:
        raise DataError(f"{error}; set `data.path` to the CSV file of the cohort") from None
    if content.startswith(_EXCEL):
        raise DataError(f"{file}: this is an Excel workbook; export the sheet as CSV (UTF-8)")
    utf8 = encoding.lower().replace("_", "-") in ("utf-8", "utf8")
    if utf8 and content.startswith(_UTF16):
        raise DataError(f"{file}: the file is UTF-16; save it as UTF-8, or set `encoding: utf-16`")
    try:
        return content.decode("utf-8-sig" if utf8 else encoding)
    except UnicodeError as error:
        number = content.count(b"\n", 0, getattr(error, "start", 0)) + 1
        raise DataError(
            f"{file}, line {number}: not {encoding} text; save the file as UTF-8, or set `encoding` (files saved by "
            f"Excel are often cp1252)"
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
            f"{file}: there is a single column with the delimiter {_named(delimiter)}; the file seems to use "
            f'{_named(likely)}: set `delimiter: "{setting}"`'
        )


def _named(delimiter: str) -> str:
    return _DELIMITERS.get(delimiter, repr(delimiter))


def _check_header(problems: Problems, header: list[str], line: int) -> None:
    for position, name in enumerate(header, start=1):
        if not name:
            problems.add(f"column {position} has no name; name it or remove it", line=line)
    for name, count in Counter(header).items():
        if name and count > 1:
            places = [str(position) for position, other in enumerate(header, start=1) if other == name]
            problems.add(f"the column {name!r} occurs {count} times (columns {', '.join(places)}); keep one", line=line)
