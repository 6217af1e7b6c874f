"""Dates in the notations that tables have."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date

_PIVOT = 69  # two-digit years from 69 on are of the last century, as POSIX has it
_TIME = r"(?:[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?"
_ISO = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})" + _TIME)
_NUMBERS = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4}|\d{2})" + _TIME)
_NAMED = re.compile(r"(\d{1,2})[. -]+([A-Za-zäé]{3,9})[. -]+(\d{4})" + _TIME)
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan january januar",
            "feb february februar",
            "mar march mär märz mrz",
            "apr april",
            "may mai",
            "jun june juni",
            "jul july juli",
            "aug august",
            "sep sept september",
            "oct october okt oktober",
            "nov november",
            "dec december dez dezember",
        ),
        start=1,
    )
    for name in names.split()
}


def days(text: str, *, day_first: bool) -> float | None:
    """Days since 1970-01-01, with the time of day as a fraction; None if the text is not a date.

    Args:
        text: such as ``2021-04-09``, ``09.04.2021``, ``9/4/2021 12:30`` or ``9 Apr 2021``.
        day_first: whether ``3/4/2021`` is the third of April. With points, the day is always first.
    """
    found = _ISO.fullmatch(text)
    if found is not None:
        return _days(int(found[1]), int(found[3]), int(found[4]), found.groups()[4:])
    found = _NUMBERS.fullmatch(text)
    if found is not None:
        first, second = int(found[1]), int(found[3])
        day, month = (first, second) if day_first or found[2] == "." else (second, first)
        return _days(_year(found[4]), month, day, found.groups()[4:])
    found = _NAMED.fullmatch(text)
    if found is not None and found[2].casefold() in _MONTHS:
        return _days(int(found[3]), _MONTHS[found[2].casefold()], int(found[1]), found.groups()[3:])
    return None


def day_comes_first(texts: Iterable[str]) -> bool | None:
    """Whether the day comes before the month; None if the texts allow both."""
    must_first = must_second = asked = False
    for text in texts:
        found = _NUMBERS.fullmatch(text)
        if found is None or found[2] == "." or found[1] == found[3]:
            continue
        asked = True
        as_first, as_second = (days(text, day_first=choice) is not None for choice in (True, False))
        must_first |= as_first and not as_second
        must_second |= as_second and not as_first
    if must_first != must_second:
        return must_first
    return None if asked else True


def _year(text: str) -> int:
    if len(text) > 2:  # noqa: PLR2004 -- digits
        return int(text)
    return int(text) + (1900 if int(text) >= _PIVOT else 2000)


def _days(year: int, month: int, day: int, time: Iterable[str | None]) -> float | None:
    try:
        whole = date(year, month, day).toordinal() - date(1970, 1, 1).toordinal()
    except ValueError:
        return None
    hours, minutes, seconds = (int(part or 0) for part in time)
    return whole + (hours * 3600 + minutes * 60 + seconds) / 86400
