"""Numbers in every notation: decimal commas, marks between thousands, units, limits of an assay."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import NamedTuple, Self

from xdistill.tables.words import word_set


class Exact(str):
    """The text of a number with a decimal point and no other marks, after ``<`` or ``>`` if it is a limit."""

    __slots__ = ()

    def __new__(cls, value: object) -> Self:
        """The text of a number."""
        return super().__new__(cls, str(value))


class Quantity(NamedTuple):
    """A number with what stands around it.

    Attributes:
        number: as Python writes it, such as ``1204.5``.
        limit: ``<`` below or ``>`` above the range of the assay; empty for a measured value.
        unit: empty if the cell has none.
    """

    number: str
    limit: str
    unit: str


_MINUS, _QUOTE = "\N{MINUS SIGN}", "\N{RIGHT SINGLE QUOTATION MARK}"
_SEPARATORS = ("'", _QUOTE, "\u00a0", "\u202f", " ")
_LIMIT = re.compile(r"(<=|>=|=<|=>|≤|≥|<|>)\s*")
_NUMBER = re.compile(rf"[+\-{_MINUS}]?(?:\d[\d.,'{_QUOTE}\u00a0\u202f ]*\d|\d)(?:[eE][+\-]?\d+)?|[+\-{_MINUS}]?[.,]\d+")
_HEAD, _GROUP = re.compile(r"[+\-]?[1-9]\d{0,2}"), re.compile(r"\d{3}")
_GROUPED = 3  # digits between the marks of thousands
_DECIMAL = re.compile(r"-?\d+([.,])(\d+)")
_UNIT = re.compile(r"(?:/?[A-Za-zµμ°]|[%‰°])[A-Za-zµμ°%‰²³/·*^()\d.\-\[\]]*(?: [A-Za-zµμ%/²³]+)?")
_SHORT_UNITS = word_set(
    "% ‰ ° °c g mg µg μg ug ng pg kg l ml dl µl cm mm m nm µm u iu ie ku mu mol mmol µmol nmol s sec min h d day days "
    "y yr yrs year years months weeks mmhg bpm hu cc kcal kj kpa hz fl"
)


def as_number(text: str) -> float | None:
    """The finite number that a text stands for, as Python writes it; None if it is not a number."""
    if "_" in text:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def are_numbers(texts: Iterable[str]) -> bool:
    """Whether all texts stand for finite numbers, written as Python writes them."""
    texts = list(texts)
    try:
        numbers = list(map(float, texts))
    except ValueError:
        return False
    return all(map(math.isfinite, numbers)) and not any("_" in text for text in texts)


def sorted_names(texts: Iterable[str]) -> tuple[str, ...]:
    """The different texts, sorted; by value if all are numbers."""
    different = set(texts)
    numbers = {text: number for text in different if (number := as_number(text)) is not None}
    if len(numbers) == len(different):
        return tuple(sorted(different, key=lambda text: (numbers[text], text)))
    return tuple(sorted(different))


def quantity(text: str, decimal: str) -> Quantity | None:
    """The number in a cell with its unit and limit; None if the cell is no such thing.

    Args:
        text: of the cell.
        decimal: mark of decimals, ``.`` or ``,``; the other one divides thousands.

    >>> quantity("1.204,5 U/L", ",")
    Quantity(number='1204.5', limit='', unit='U/L')
    >>> quantity("<0.5", ".")
    Quantity(number='0.5', limit='<', unit='')
    """
    if isinstance(text, Exact):
        exact, mark = text.lstrip("<>"), text[0] if text.startswith(("<", ">")) else ""
        return Quantity(exact, mark, "") if as_number(exact) is not None else None
    limit, rest = "", text.strip()
    found = _LIMIT.match(rest)
    if found is not None:
        limit = "<" if found[1] in {"<", "<=", "=<", "≤"} else ">"
        rest = rest[found.end() :]
    number = _NUMBER.match(rest)
    if number is None:
        return None
    unit = rest[number.end() :]
    written = _written(number[0], decimal)
    if written is None or not _is_unit(unit):
        return None
    return Quantity(written, limit, " ".join(unit.split()))


def evidence(text: str) -> str:
    """Which mark of decimals the number in a cell must have: ``.``, ``,``, or empty where both are possible."""
    if isinstance(text, Exact) or ("." not in text and "," not in text):
        return ""
    short = _DECIMAL.fullmatch(text)
    if short is not None and len(short[2]) != _GROUPED:
        return short[1]
    point, comma = quantity(text, "."), quantity(text, ",")
    if (point is None) == (comma is None):
        return ""
    return "." if comma is None else ","


def has_groups(text: str, decimal: str) -> bool:
    """Whether the number in a cell has marks between its thousands."""
    found = _NUMBER.search(text)
    return found is not None and not isinstance(text, Exact) and _ungrouped(found[0], decimal) not in {None, found[0]}


def _written(number: str, decimal: str) -> str | None:
    plain = _ungrouped(number.replace(_MINUS, "-"), decimal)
    if plain is None:
        return None
    plain = plain.replace(decimal, ".")
    return plain if as_number(plain) is not None else None


def _ungrouped(number: str, decimal: str) -> str | None:
    """The number without marks between its thousands; None if these are in the wrong places."""
    whole, mark, fraction = number.partition(decimal)
    group = "," if decimal == "." else "."
    if group in fraction:
        return None
    for separator in (group, *_SEPARATORS):
        if separator in whole:
            head, *groups = whole.split(separator)
            if not _HEAD.fullmatch(head) or not all(map(_GROUP.fullmatch, groups)):
                return None
            whole = head + "".join(groups)
    return whole + mark + fraction


def _is_unit(text: str) -> bool:
    unit = text.strip()
    if not unit:
        return True
    if _UNIT.fullmatch(unit) is None:
        return False
    return "/" in unit or "%" in unit or unit.casefold() in _SHORT_UNITS or (text[0].isspace() and len(unit) > 1)
