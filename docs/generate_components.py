"""The page of the components: every component of the bundled plugins with its settings."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from xdistill.plugin import KINDS, Entry, Kind, describe, load_catalog

HEAD = """\
# Components

All bundled components, by kind. Generated from the bundled plugins by `make docs`; edit the docstrings and the `Config`
of the components, not this page. `xdistill plugins list` shows all installed components, including other plugins'.

A block `{use: NAME, ...}` in a recipe names a component and gives its settings. The [recipe reference](recipe.md) lists
which field of a recipe accepts which kind.
"""
TABLE = ("| setting | type | default | meaning |", "|---|---|---|---|")
BUNDLED = "xdistill"


def render() -> str:
    """The whole page."""
    entries = [entry for entry in load_catalog() if entry.distribution == BUNDLED]
    return "\n".join([HEAD, *(line for kind in KINDS for line in _kind(kind, entries))])


def _kind(kind: Kind, entries: list[Entry]) -> Iterator[str]:
    yield f"## {kind.name}"
    yield ""
    yield f"{kind.about} Hook `{kind.hook}`, interface `xdistill.interfaces.{kind.interface_name}`."
    yield ""
    if kind.fields:
        listed = ", ".join(f"`{name}`" for name in kind.fields)
        yield f"In addition to their own settings, terms accept {listed}; see [term](recipe.md#term)."
        yield ""
    found = [entry for entry in entries if entry.kind == kind.name]
    if not found:
        yield "No component of this kind is bundled."
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
    choices = {name: describe.chosen_kind(info.annotation) for name, info in model.model_fields.items()}
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
    for field in describe.table(schema, choices):
        default = field.default if field.default in {"required", "see there"} else f"`{field.default}`"
        yield f"| `{field.name}` | {_cell(field.type)} | {default} | {_cell(field.description)} |"
    yield ""


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
