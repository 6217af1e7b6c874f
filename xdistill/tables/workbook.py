"""XLSX workbooks, by openpyxl."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from xdistill.errors import DataError, UserError
from xdistill.suggest import did_you_mean
from xdistill.tables.marks import Exact

_LOOKED_AT = 50  # rows among which the header is looked for
_SHARE = 0.6  # of the widest row's cells that a header fills at least
_ZEROS = re.compile(r"0+")


def read_workbook(
    content: bytes, file: Path, sheet: str | None, header_row: int | None
) -> tuple[list[tuple[int, list[str]]], list[str]]:
    """The rows of a sheet from its header on, with their numbers, and what was detected.

    Args:
        content: of the file.
        file: for messages.
        sheet: its name; None: the only one that is not empty.
        header_row: counted from 1; None: the first row that is nearly as wide as the widest.

    Raises:
        UserError: if openpyxl is not installed.
        DataError: for a damaged file, several sheets, merged cells in the table, and formulas without a saved value.
    """
    book = _opened(content, file, values=True)
    chosen, how = _sheet(book, file, sheet)
    grid = [[_text(cell) for cell in row] for row in chosen.iter_rows()]
    width = max((place + 1 for row in grid for place, text in enumerate(row) if text), default=0)
    filled = [sum(map(bool, row)) for row in grid]
    first = header_row or _header_row(filled)
    if header_row is None and first > 1:
        how.append(f"header in row {first}")
    rows = [
        (number, [*row[:width], *[""] * (width - len(row))])
        for number, row in enumerate(grid, start=1)
        if number >= first and any(row)
    ]
    _check_merged(chosen, file, first)
    _check_formulas(content, file, chosen, first, width)
    return rows, how


def _opened(content: bytes, file: Path, *, values: bool) -> Any:
    try:
        import openpyxl
    except ImportError:
        raise UserError(
            f"{file}: XLSX files need openpyxl: pip install 'xdistill[tables]', or save the sheet as CSV (UTF-8)"
        ) from None
    try:
        return openpyxl.load_workbook(io.BytesIO(content), data_only=values)
    except Exception as error:
        # openpyxl raises whatever its XML parser and zipfile raise.
        raise DataError(
            f"{file}: not a readable XLSX workbook ({str(error).partition(chr(10))[0] or type(error).__name__}); save "
            f"it again, or export the sheet as CSV (UTF-8)"
        ) from error


def _sheet(book: Any, file: Path, name: str | None) -> tuple[Any, list[str]]:
    sheets = {sheet.title: sheet for sheet in book.worksheets}
    if name is not None:
        if name not in sheets:
            raise DataError(f"{file}: there is no sheet {name!r}{did_you_mean(name, sheets, 'sheets')}")
        return sheets[name], []
    filled = [title for title, sheet in sheets.items() if any(any(row) for row in sheet.iter_rows(values_only=True))]
    if len(filled) > 1:
        raise DataError(f"{file}: there are {len(filled)} sheets ({', '.join(filled)}); set `sheet` to one of them")
    if not filled:
        raise DataError(f"{file}: the file is empty; it needs a header and one row per subject")
    return sheets[filled[0]], [f"sheet {filled[0]!r}"]


def _header_row(filled: Sequence[int]) -> int:
    widest = max(filled[:_LOOKED_AT], default=0)
    return next((number for number, count in enumerate(filled, start=1) if count and count >= _SHARE * widest), 1)


def _check_merged(sheet: Any, file: Path, first: int) -> None:
    merged = [str(block) for block in sheet.merged_cells.ranges if block.max_row >= first]
    if merged:
        more = f" and {len(merged) - 3} more" if len(merged) > 3 else ""  # noqa: PLR2004 -- as many as fit a message
        raise DataError(
            f"{file}, sheet {sheet.title!r}: merged cells in the table ({', '.join(sorted(merged)[:3])}{more}); a "
            f"merged block has one value, so split it and fill each cell"
        )


def _check_formulas(content: bytes, file: Path, sheet: Any, first: int, width: int) -> None:
    """Refuse formulas whose values were not saved, which would be read as missing."""
    if not any(None in row[:width] for row in sheet.iter_rows(min_row=first, values_only=True)):
        return
    formulas = _opened(content, file, values=False)[sheet.title]
    lost = [
        cell.coordinate
        for row in formulas.iter_rows(min_row=first)
        for cell in row
        if cell.data_type == "f" and sheet[cell.coordinate].value is None
    ]
    if lost:
        raise DataError(
            f"{file}, sheet {sheet.title!r}: {len(lost)} formulas have no saved value (the first is in {lost[0]}); "
            f"open and save the file in a spreadsheet program, or paste the values"
        )


def _text(cell: Any) -> str:
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        whole = isinstance(value, int) or value.is_integer()
        if whole and _ZEROS.fullmatch(cell.number_format or ""):
            return f"{int(value):0{len(cell.number_format)}d}"
        return Exact(int(value)) if whole and abs(value) < 2**53 else Exact(value)
    return text_of_date(value) if isinstance(value, date | time) else str(value).strip()


def text_of_date(value: date | time) -> str:
    """ISO 8601; a date alone where the time is midnight."""
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    return value.isoformat()
