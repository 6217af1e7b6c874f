"""The page of the components: every component of the bundled plugins with its settings."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from xdistill.interfaces.component import Choice
from xdistill.plugin import KINDS, Entry, Kind, load_catalog, specs

HEAD = """\
# Components

What recipes can name, by kind. Made from the bundled plugins by `make docs`; change the docstrings and the `Config` of
the components, not this page. `xdistill plugins list` shows what is installed where you are, other plugins included.

A block `{use: NAME, ...}` in a recipe names a component and gives its settings. Which field of a recipe takes which
kind stands in the [recipe reference](recipe.md).
"""
TABLE = ("| setting | type | default | what it is |", "|---|---|---|---|")
BUNDLED = "xdistill"
_LIMITS = {"minimum": "≥", "maximum": "≤", "exclusiveMinimum": ">", "exclusiveMaximum": "<"}
_SCALARS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "null": "null",
    "object": "mapping",
}


def render() -> str:
    """The whole page."""
    entries = [entry for entry in load_catalog() if entry.distribution == BUNDLED]
    return "\n".join([HEAD, *(line for kind in KINDS for line in _kind(kind, entries))])


def _kind(kind: Kind, entries: list[Entry]) -> Iterator[str]:
    yield f"## {kind.name}"
    yield ""
    about = inspect.getdoc(getattr(specs, kind.hook)) or ""
    yield f"{about} Hook `{kind.hook}`, interface `xdistill.interfaces.{kind.interface_name}`."
    yield ""
    if kind.fields:
        listed = ", ".join(f"`{name}`" for name in kind.fields)
        yield f"Beside their own settings, terms take {listed}; see [term](recipe.md#term)."
        yield ""
    found = [entry for entry in entries if entry.kind == kind.name]
    if not found:
        yield "None is bundled."
        yield ""
    for entry in found:
        yield from _component(entry)


def _component(entry: Entry) -> Iterator[str]:
    yield f"### {entry.kind} `{entry.name}`"
    yield ""
    yield from _prose(entry.component)
    yield from _settings(entry.component.Config)


def _settings(model: type[BaseModel]) -> Iterator[str]:
    """The table of a Config, and a table for each kind of block within it."""
    schema = model.model_json_schema()
    choices = {name: _interface(info.annotation) for name, info in model.model_fields.items()}
    if not schema.get("properties"):
        yield "It has no settings."
        yield ""
        return
    yield from _table(schema, choices)
    for name, inner in schema.get("$defs", {}).items():
        if "properties" in inner:
            yield f"`{name}`: {_cell(inner.get('description', ''))}"
            yield ""
            yield from _table(inner, {})


def _table(schema: dict[str, Any], choices: dict[str, str]) -> Iterator[str]:
    yield from TABLE
    for name, field in schema["properties"].items():
        default = "required" if name in schema.get("required", ()) else _default(field)
        kind = _type(field, choices.get(name, ""))
        yield f"| `{name}` | {kind} | {default} | {_cell(field.get('description', ''))} |"
    yield ""


def _default(field: dict[str, Any]) -> str:
    value = field.get("default")
    refers = "$ref" in field or any("$ref" in option for option in field.get("anyOf", ()))
    return "see there" if refers and isinstance(value, dict) else f"`{json.dumps(value)}`"


def _interface(annotation: Any) -> str:
    """The interface that a `Choice` within an annotation asks for; empty where there is none."""
    if get_origin(annotation) is Choice:
        (interface,) = get_args(annotation)
        return next(kind.name for kind in KINDS if kind.interface_name == interface.__name__)
    return next(filter(None, map(_interface, get_args(annotation))), "")


def _type(field: dict[str, Any], choice: str) -> str:
    if "anyOf" in field:
        return " or ".join(dict.fromkeys(_type(option, choice) for option in field["anyOf"]))
    if "use" in field.get("properties", {}):
        return f"a block: {choice.replace('_', ' ')}"
    if field.get("type") == "array":
        return _list(field, choice)
    if field.get("type") == "object" and isinstance(field.get("additionalProperties"), dict):
        return f"mapping from names to {_type(field['additionalProperties'], choice)}"
    return _simple(field)


def _simple(field: dict[str, Any]) -> str:
    if "$ref" in field:
        return f"`{field['$ref'].rpartition('/')[2]}`"
    if "enum" in field or "const" in field:
        options = field.get("enum", [field.get("const")])
        return "one of " + ", ".join(f"`{option}`" for option in options)
    limits = [f"{sign} {field[name]}" for name, sign in _LIMITS.items() if name in field]
    return ", ".join([_SCALARS.get(field.get("type", ""), "anything"), *limits])


def _list(field: dict[str, Any], choice: str) -> str:
    if "prefixItems" in field:
        members = list(dict.fromkeys(_type(item, choice) for item in field["prefixItems"]))
        return f"list of {len(field['prefixItems'])}: {', '.join(members)}"
    least = f", at least {field['minItems']}" if "minItems" in field else ""
    return f"list of {_type(field.get('items', {}), choice)}{least}"


def _prose(component: type) -> Iterator[str]:
    """The docstring as Markdown: its formulas as such, without its sections for programmers."""
    text = re.split(r"^(?:Args|Attributes|Raises|Returns):$", inspect.getdoc(component) or "", flags=re.MULTILINE)[0]
    yield re.sub(r"\n*\.\. math::\n((?:[ ]+.*\n|\n)+)", _formula, text.replace("``", "`")).strip()
    yield ""


def _formula(match: re.Match[str]) -> str:
    body = inspect.cleandoc(match[1])
    return f"\n\n```math\n\\begin{{aligned}}\n{body}\n\\end{{aligned}}\n```\n\n"


def _cell(text: str) -> str:
    return " ".join(text.replace("``", "`").split()).replace("|", "\\|")
