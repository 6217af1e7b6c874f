"""Values of unquoted YAML scalars: the core schema of YAML 1.2, in which `no`, `1_000` and dates are strings.

ruamel.yaml's own resolver differs: it reads `1_000` as a number, dates as dates, and fails on `_`.
"""

from __future__ import annotations

import math
import re

ScalarValue = str | int | float | bool | None

_CONSTANTS: dict[str, ScalarValue] = {"": None, "~": None}
for _name, _value in (("null", None), ("true", True), ("false", False)):
    _CONSTANTS |= dict.fromkeys((_name, _name.title(), _name.upper()), _value)
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_LONGEST_NUMBER = 300  # characters; what is longer is a string


def resolve_plain(text: str) -> ScalarValue:
    """The value of an unquoted scalar: null, a boolean, a number (maybe infinite or NaN), or else the string itself.

    >>> resolve_plain("1e-3"), resolve_plain("no"), resolve_plain("0x10"), resolve_plain("~")
    (0.001, 'no', 16, None)
    """
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if len(text) > _LONGEST_NUMBER:
        return text
    if _INTEGER.fullmatch(text):
        return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
    if _FLOAT.fullmatch(text):
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text


def is_finite(value: object) -> bool:
    """Whether a value is anything but an infinite number or NaN, which JSON cannot hold."""
    return not isinstance(value, float) or math.isfinite(value)
