"""What pydantic finds, in words for the people who write recipes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pydantic_core import ErrorDetails

from xdistill.recipe.suggest import did_you_mean

_LONGEST_VALUE = 60  # characters of a value that a message repeats

Wording = Callable[[Any, Mapping[str, Any]], str]


def worded(error: ErrorDetails, *, description: str = "", known: Iterable[str] = ()) -> str:
    """One message: what is wrong and what to do.

    Args:
        error: one entry of ``ValidationError.errors()``.
        description: of the field that the error is about, when it has one.
        known: names of the fields beside an unknown one.
    """
    kind = error["type"]
    value, context = error.get("input"), error.get("ctx") or {}
    if kind == "extra_forbidden":
        name = str(error["loc"][-1])
        return f"there is no field {name!r} here{did_you_mean(name, known)}"
    if kind == "missing" and isinstance(error["loc"][-1], int):
        return "has too few entries"
    if kind in _WANTED:
        return f"has to be {_WANTED[kind]}, and is {shown_value(value)}{_hint(kind, value)}"
    if kind in _LIMITS:
        word, limit = _LIMITS[kind]
        return f"has to be {word} {context.get(limit):g}, and is {shown_value(value)}"
    if kind in _OTHERS:
        return _OTHERS[kind](value, {**context, "description": description})
    return _own_words(error["msg"])


def is_echo(error: ErrorDetails) -> bool:
    """Whether an error only says that the faulty items of a list, which are told by themselves, do not count."""
    context = error.get("ctx") or {}
    value = error.get("input")
    return error["type"] == "too_short" and isinstance(value, (list, tuple)) and len(value) >= context["min_length"]


def shown_value(value: Any) -> str:
    """A value as a recipe writes it, shortened."""
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, (list, tuple)):
        return "a list"
    if isinstance(value, str):
        return f"the text {_shortened(value)!r}"
    named = {None: "null", True: "true", False: "false"}
    if value is None or isinstance(value, bool):
        return named[value]
    return _shortened(str(value))


_NUMBER = "a number"
_WHOLE = "a whole number"
_TRUTH = "true or false"
_LIST = "a list, such as [a, b]"
_BLOCK = "a mapping of fields"

_WANTED = {
    "string_type": "text",
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "int_parsing_size": "a smaller whole number",
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "bool_type": _TRUTH,
    "bool_parsing": _TRUTH,
    "tuple_type": _LIST,
    "list_type": _LIST,
    "set_type": _LIST,
    "frozen_set_type": _LIST,
    "dict_type": _BLOCK,
    "mapping_type": _BLOCK,
    "model_type": _BLOCK,
    "model_attributes_type": _BLOCK,
    "dataclass_type": _BLOCK,
    "finite_number": "a finite number",
    "none_required": "null",
    "path_type": "a path",
}

_LIMITS = {
    "greater_than": ("greater than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
    "multiple_of": ("a multiple of", "multiple_of"),
}


def _choices(value: Any, context: Mapping[str, Any]) -> str:
    expected = str(context.get("expected", ""))
    names = re.findall(r"'([^']*)'", expected)
    if not names:
        return f"has to be {expected}, and is {shown_value(value)}"
    if not isinstance(value, str):
        return f"has to be one of {', '.join(names)}, and is {shown_value(value)}"
    near = did_you_mean(value, names)
    start = f"has to be one of {', '.join(names)}, and is {value!r}"
    return start + near if "did you mean" in near else start


def _entries(word: str, limit: str) -> Wording:
    def message(value: Any, context: Mapping[str, Any]) -> str:
        has = f", and has {len(value)}" if isinstance(value, (list, tuple, dict)) else ""
        number = context.get(limit)
        return f"needs {word} {number} {'entry' if number == 1 else 'entries'}{has}"

    return message


def _missing(value: Any, context: Mapping[str, Any]) -> str:
    del value
    return f"this field is required ({context['description']})" if context["description"] else "this field is required"


def _pattern(value: Any, context: Mapping[str, Any]) -> str:
    rule = context["description"] or f"it has to match the pattern {context.get('pattern')}"
    return f"{value!r} is not allowed here: {rule}"


_OTHERS: dict[str, Wording] = {
    "missing": _missing,
    "string_pattern_mismatch": _pattern,
    "literal_error": _choices,
    "enum": _choices,
    "too_short": _entries("at least", "min_length"),
    "too_long": _entries("at most", "max_length"),
    "string_too_short": lambda _, context: f"needs at least {context.get('min_length')} characters",
    "string_too_long": lambda _, context: f"may have at most {context.get('max_length')} characters",
}


def _hint(kind: str, value: Any) -> str:
    if kind == "string_type" and isinstance(value, (int, float)):
        return "; put it in quotes"
    if kind.startswith("bool") and isinstance(value, str) and value.lower() in {"yes", "on", "no", "off"}:
        return f"; write {'true' if value.lower() in {'yes', 'on'} else 'false'}"
    if kind in {"model_type", "model_attributes_type"} and isinstance(value, str):
        return f"; to name a component write {{use: {_shortened(value)}}}"
    if kind in {"tuple_type", "list_type"} and isinstance(value, str):
        return f"; write [{_shortened(value)}]"
    return ""


def _own_words(message: str) -> str:
    for prefix in ("Value error, ", "Assertion failed, "):
        message = message.removeprefix(prefix)
    return message.replace("Input should be", "has to be")


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."
