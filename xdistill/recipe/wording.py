"""pydantic's messages, with what else the author of a recipe needs: similar names, descriptions, what to write."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic_core import ErrorDetails

from xdistill.suggest import did_you_mean

_LONGEST_VALUE = 60  # characters of a value that a message repeats
_LIST = re.compile(r"(tuple|list|set|frozen_set)_type")
_MAPPING = re.compile(r"(dict|mapping|model|model_attributes|dataclass)_type")


def worded(error: ErrorDetails, *, description: str = "", known: Iterable[str] = ()) -> str:
    """One message: what is wrong and what to do.

    Args:
        error: one entry of ``ValidationError.errors()``.
        description: of the field that the error is about, when it has one.
        known: names of the valid fields.
    """
    kind, name, value = error["type"], (error["loc"] or ("",))[-1], error.get("input")
    if kind == "extra_forbidden":
        return f"unknown field `{name}`{did_you_mean(str(name), known, 'fields')}"
    if kind == "missing":
        what = "field" if isinstance(name, str) else "item"
        return f"this {what} is required ({description})" if description else f"this {what} is required"
    if kind == "string_pattern_mismatch" and description:
        return f"{value!r} is not allowed; {description}"
    message = re.sub("^(Value error|Assertion failed), ", "", error["msg"])
    message = re.sub(r"^\w+ should", "should", re.sub(r"(valid \w+),.*| after validation", r"\1", message))
    if _LIST.fullmatch(kind):
        message = "should be a list"
    elif _MAPPING.fullmatch(kind):
        message = "should be a mapping"
    return f"{message}, got {shown_value(value)}{_hint(kind, value)}" if message.startswith("should be") else message


def is_echo(error: ErrorDetails) -> bool:
    """Whether a list is only too short because its invalid items, which have errors of their own, do not count."""
    value = error.get("input")
    return error["type"] == "too_short" and isinstance(value, list | tuple) and len(value) >= error["ctx"]["min_length"]


def shown_value(value: Any) -> str:
    """A value as a recipe writes it, shortened."""
    if isinstance(value, Mapping | list | tuple):
        return "a mapping" if isinstance(value, Mapping) else "a list"
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    text = text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."
    return repr(text) if isinstance(value, str) else text


def _hint(kind: str, value: Any) -> str:
    if kind == "string_type" and isinstance(value, int | float):
        return "; put it in quotes"
    if not isinstance(value, str):
        return ""
    if kind.startswith("bool") and value.lower() in {"yes", "on", "no", "off"}:
        return f"; write `{'true' if value.lower() in {'yes', 'on'} else 'false'}`"
    if kind.startswith("model_"):
        return f"; to name a component write `{{use: {shown_value(value)[1:-1]}}}`"
    return f"; write `[{shown_value(value)[1:-1]}]`" if _LIST.fullmatch(kind) else ""
