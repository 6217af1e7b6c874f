"""Values of elements as plain texts and numbers; what is not valid counts as absent."""

from __future__ import annotations

import math
from datetime import date
from typing import Any, Final

_DATE_LENGTH: Final = 8


def day_of(text: str) -> int | None:
    """The number of a day (proleptic Gregorian), from ``YYYYMMDD``."""
    digits = text.replace(".", "").replace("-", "")[:_DATE_LENGTH]
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:8])).toordinal()
    except ValueError:
        return None


def clock_of(text: str) -> float | None:
    """Seconds since midnight, from ``HHMMSS.FFFFFF``."""
    digits = text.replace(":", "").strip()
    try:
        seconds = int(digits[:2]) * 3600 + int(digits[2:4] or 0) * 60 + float(digits[4:] or 0)
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) else None


def text_of(content: Any, tag: str) -> str:
    """An element as text, several values joined by a backslash; empty if it is absent."""
    value = content.get(tag)
    if value is None:
        return ""
    if isinstance(value, (list, tuple)) or type(value).__name__ == "MultiValue":
        return "\\".join(str(item) for item in value)
    return str(value).strip(" \0")


def numbers_of(content: Any, tag: str) -> tuple[float, ...]:
    """The numbers of an element; none if one is not a finite number."""
    try:
        values = tuple(float(item) for item in text_of(content, tag).split("\\") if item.strip())
    except ValueError:
        return ()
    return values if all(map(math.isfinite, values)) else ()


def whole_of(content: Any, tag: str) -> int:
    """The first number of an element, without its fraction; 0 if there is none."""
    try:
        return int(float(text_of(content, tag).split("\\")[0] or 0))
    except (ValueError, OverflowError):
        return 0
