"""Reads a table from a file of any known format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from xdistill.errors import DataError
from xdistill.tables.delimited import check_delimiter, find_delimiter, named, records
from xdistill.tables.problems import Problems
from xdistill.tables.table import Table
from xdistill.tables.text import decode
from xdistill.untrusted import TABLE, read_bytes

_ZIP, _PARQUET, _OLD_EXCEL = b"PK\x03\x04", b"PAR1", b"\xd0\xcf\x11\xe0"


@dataclass(frozen=True)
class Format:
    """How a table is stored; None: detected.

    Attributes:
        delimiter: between cells.
        encoding: of the text.
        sheet: of a workbook.
        header_row: line or row of the header, counted from 1.
        setting: of the recipe that names the file, for messages; empty: none, as on the command line.
    """

    delimiter: str | None = None
    encoding: str | None = None
    sheet: str | None = None
    header_row: int | None = None
    setting: str = "data.path"


def read_table(file: Path, form: Format = Format()) -> Table:
    """Read a table with a header: CSV, TSV, XLSX or Parquet.

    Raises:
        DataError: for a missing or damaged file, another encoding or delimiter, no rows, or an invalid header or row;
            it names the lines.
        UserError: if the library that reads the format is not installed.
    """
    content = _content(file, form)
    if content.startswith(_OLD_EXCEL):
        raise DataError(f"{file}: this is an old Excel workbook (XLS); save it as XLSX or CSV (UTF-8)")
    if content.startswith(_PARQUET):
        from xdistill.tables.parquet import read_parquet

        header, rows, how = read_parquet(content, file)
        numbered = [(1, header), *((number, list(row)) for number, row in enumerate(rows, start=2))]
        return _checked(file, numbered, how, setting=form.setting)
    if content.startswith(_ZIP):
        from xdistill.tables.workbook import read_workbook

        found, how = read_workbook(content, file, form.sheet, form.header_row)
        delimiter = ""
    else:
        found, how, delimiter = _delimited(content, file, form)
    if not found:
        raise DataError(f"{file}: the file is empty; it needs a header and one row per subject")
    return _checked(file, found, how, delimiter, setting=form.setting)


def _content(file: Path, form: Format) -> bytes:
    try:
        return read_bytes(file, TABLE)
    except DataError as error:
        advice = f"set `{form.setting}` to the CSV file of the cohort" if form.setting else "name another table"
        raise DataError(f"{error}; {advice}") from None


def _delimited(content: bytes, file: Path, form: Format) -> tuple[list[tuple[int, list[str]]], list[str], str]:
    text, decoded = decode(content, file, form.encoding)
    how = [decoded] if decoded else []
    delimiter = form.delimiter
    if delimiter is None:
        delimiter = find_delimiter(text, file)
        if delimiter != ",":
            how.append(f"delimiter {named(delimiter)}")
    found = [record for record in records(text, file, delimiter) if record[0] >= (form.header_row or 1)]
    if found and form.delimiter is not None:
        check_delimiter(file, found[0][1], delimiter)
    return found, how, delimiter


def _checked(
    file: Path, found: list[tuple[int, list[str]]], how: Sequence[str], delimiter: str = "", *, setting: str
) -> Table:
    (line, header), *rows = found
    problems = Problems(file)
    unnamed = [place for place, name in enumerate(header) if not name]
    blank = {place for place in unnamed if not any(row[place] for _, row in rows if place < len(row))}
    if blank and blank == set(range(min(blank), len(header))):  # empty columns at the end, as spreadsheets leave them
        rows = [(number, row[: min(blank)] if len(row) == len(header) else row) for number, row in rows]
        header = header[: min(blank)]
        how = [*how, f"{len(blank)} empty columns at the end are left out"]
    _check_header(problems, header, line)
    problems.stop()
    if not rows:
        what = "cohort is empty" if setting else "table has no rows"
        raise DataError(f"{file}: the {what}; the file has a header but no rows")
    for number, cells in rows:
        if len(cells) != len(header):
            problems.add(
                f"has {len(cells)} cells where the header has {len(header)}; quote cells that hold the delimiter",
                line=number,
                cause="cells",
            )
    problems.stop()
    return Table(
        file,
        tuple(header),
        tuple(number for number, _ in rows),
        [cells for _, cells in rows],
        tuple(how),
        delimiter,
    )


def _check_header(problems: Problems, header: Sequence[str], line: int) -> None:
    for position, name in enumerate(header, start=1):
        if not name:
            problems.add(f"column {position} has no name; name it or remove it", line=line)
    for name, count in Counter(header).items():
        if name and count > 1:
            places = [str(position) for position, other in enumerate(header, start=1) if other == name]
            problems.add(f"the column {name!r} occurs {count} times (columns {', '.join(places)}); keep one", line=line)
