"""Values of elements as plain texts and numbers; what is not valid counts as absent."""

from __future__ import annotations

import math
from datetime import date
from functools import cache
from typing import Any, Final

from xdistill_dicom.reading.extra import require

_DATE_LENGTH: Final = 8
_KEPT: Final = 4096
_CONVERTED: dict[Any, Any] = {}  # values by tag, type, bytes and character set


class Elements:
    """The elements of a file by name, converted once.

    Converting and looking up elements takes pydicom longer than parsing them, and the slices of a series have most in
    common, so values that were converted are kept.
    """

    def __init__(self, content: Any) -> None:
        self.file_meta = content.file_meta
        characters = str(content.get("SpecificCharacterSet"))
        self._values = {_keyword(raw.tag): _value(content, raw, characters) for raw in content.values()}

    def get(self, tag: str) -> Any:
        """The value of an element; None if it is absent."""
        return self._values.get(tag)


def _value(content: Any, raw: Any, characters: str) -> Any:
    if raw.VR == "SQ" or not isinstance(raw.value, bytes):
        return content[raw.tag].value
    key = raw.tag, raw.VR, raw.value, characters
    if key not in _CONVERTED:
        if len(_CONVERTED) >= _KEPT:
            _CONVERTED.clear()
        _CONVERTED[key] = content[raw.tag].value
    return _CONVERTED[key]


@cache
def _keyword(tag: int) -> str:
    return str(require("pydicom.datadict").keyword_for_tag(tag))


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
