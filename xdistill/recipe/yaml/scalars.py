"""How plain text in YAML becomes a value: the core schema of YAML 1.2, in which `no` and `off` are text."""

from __future__ import annotations

import re

from xdistill.recipe.yaml.nodes import ScalarValue

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TRUTH = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_LONGEST_NUMBER = 300


class NotFiniteError(ValueError):
    """Infinity, not-a-number, or a number too large to be one."""


def resolve_plain(text: str) -> ScalarValue:
    """The value of unquoted text: null, true, false, a number, or else the text itself.

    >>> resolve_plain("1e-3"), resolve_plain("no"), resolve_plain("0x10"), resolve_plain("~")
    (0.001, 'no', 16, None)

    Raises:
        NotFiniteError: for infinity and not-a-number, which neither JSON nor a sensible setting knows.
    """
    if text in _NULL:
        return None
    if text in _TRUTH:
        return _TRUTH[text]
    if _NOT_FINITE.fullmatch(text):
        raise NotFiniteError(text)
    return text if len(text) > _LONGEST_NUMBER else _number(text)


def _number(text: str) -> str | int | float:
    for pattern, base in ((_INTEGER, 10), (_OCTAL, 8), (_HEXADECIMAL, 16)):
        if pattern.fullmatch(text):
            return int(text, base)
    if not _FLOAT.fullmatch(text):
        return text
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise NotFiniteError(text)
    return number


def is_encodable(text: str) -> bool:
    """Whether text has no half of a surrogate pair, which no file can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
