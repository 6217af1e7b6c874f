"""Text of others: shown without control characters, compared as people read it, and harmless in a spreadsheet."""

from __future__ import annotations

import csv
import re
import unicodedata
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

# C0 and C1 controls but tab and line feed; marks that reorder text (Trojan Source, CVE-2021-42574); half surrogates.
_HIDDEN: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
_MARK: Final = "'"
_NUMBER: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|[+-]?(?:inf|nan)", re.ASCII | re.IGNORECASE)


def printable(text: str, escape: str = "") -> str:
    r"""Text for a terminal: control characters and marks that reorder text are written as escapes.

    Args:
        text: any text.
        escape: how a character is written, from its number, such as ``\\u{:04x}``; empty: as in Python.

    >>> printable("a\x1b[2Jb")
    'a\\x1b[2Jb'
    """
    if escape:
        return _HIDDEN.sub(lambda match: escape.format(ord(match[0])), text)
    return _HIDDEN.sub(lambda match: match[0].encode("unicode_escape", "surrogatepass").decode("ascii"), text)


def shortened(text: str, length: int = 120) -> str:
    """Text for a message, cut where it is longer than ``length`` characters."""
    return text if len(text) <= length else f"{text[:length]}... ({len(text)} characters)"


def normal_id(text: str) -> str:
    """The id of a subject in Unicode's composed form (NFC), so that the spellings of one id are one subject."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def to_cell(text: str) -> str:
    """A text as a cell of a CSV file that no spreadsheet takes for a formula; `from_cell` is the inverse.

    An apostrophe is put before text that begins with ``= + - @``, a tab, a line break, or an apostrophe before one of
    these (OWASP, "CSV injection").

    >>> to_cell("=1+1"), to_cell("case-1")
    ("'=1+1", 'case-1')
    """
    return _MARK + text if text.lstrip(_MARK).startswith(_FORMULA) else text


def safe_cell(text: str) -> str:
    """As `to_cell`, but a number is written as it is."""
    return text if _NUMBER.fullmatch(text) else to_cell(text)


def from_cell(cell: str) -> str:
    """The text of a cell that `to_cell` wrote."""
    return cell[1:] if cell.startswith(_MARK) and cell.lstrip(_MARK).startswith(_FORMULA) else cell


class CsvWriter:
    """Writes rows of a CSV file in which no text is a formula; readers of xdistill undo it, see `from_cell`.

    Args:
        stream: opened without translation of line ends.
        numbers: whether texts that are numbers, such as ``-2``, are written as they are.
    """

    def __init__(self, stream: Any, *, numbers: bool = True) -> None:
        self._writer = csv.writer(stream, lineterminator="\n")
        self._numbers = numbers

    def writerow(self, cells: Iterable[Any]) -> None:
        """Write one row."""
        self._writer.writerow([self._cell(cell) for cell in cells])

    def writerows(self, rows: Iterable[Iterable[Any]]) -> None:
        """Write rows."""
        for row in rows:
            self.writerow(row)

    def _cell(self, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return safe_cell(value) if self._numbers else to_cell(value)


def may_hold_cells(text: str) -> bool:
    """Whether a text may hold what `to_cell` changed."""
    return _MARK in text and any(_MARK + start in text for start in _FORMULA)
