"""A component in words: its settings with types and defaults, and the shortest block of a recipe that names it."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from xdistill.interfaces.component import Choice, Component, choose
from xdistill.plugin.catalog import Catalog, Entry
from xdistill.plugin.kinds import BY_NAME, KINDS

_LIMITS = {"minimum": "≥", "maximum": "≤", "exclusiveMinimum": ">", "exclusiveMaximum": "<"}
_SCALARS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "null": "null",
    "object": "mapping",
}
_SECTIONS = re.compile(r"^(?:Args|Attributes|Raises|Returns):$", flags=re.MULTILINE)
# What the bundled recipe mvi_hcc calls its modalities, taps and branches: an example can be tried there.
_NAMED, _SECOND, _TABLE = "hbp", "pre", "clinical"
_DEEPEST = 4


@dataclass(frozen=True)
class FieldText:
    """One setting.

    Attributes:
        name: dotted where it stands in a block within the settings.
        type: in words.
        default: as JSON; ``required`` where there is none.
        description: what it is.
    """

    name: str
    type: str
    default: str
    description: str


def docstring(component: type[Component]) -> str:
    """What a component's docstring says to users, without its sections for programmers."""
    return _SECTIONS.split(inspect.getdoc(component) or "")[0].strip()


def fields(model: type[BaseModel]) -> list[FieldText]:
    """The settings of a Config, those of blocks within it after them."""
    schema = model.model_json_schema()
    choices = {name: chosen_kind(info.annotation) for name, info in model.model_fields.items()}
    found = table(schema, choices)
    for name, inner in schema.get("$defs", {}).items():
        if "properties" in inner:
            found += [
                FieldText(f"{name}.{one.name}", one.type, one.default, one.description) for one in table(inner, {})
            ]
    return found


def table(schema: Mapping[str, Any], choices: Mapping[str, str]) -> list[FieldText]:
    """The properties of a JSON schema.

    Args:
        schema: of an object.
        choices: for properties that hold components, their kinds.
    """
    return [
        FieldText(
            name=name,
            type=type_text(field, choices.get(name, "")),
            default="required" if name in schema.get("required", ()) else _default(field),
            description=" ".join(field.get("description", "").split()),
        )
        for name, field in schema.get("properties", {}).items()
    ]


def chosen_kind(annotation: Any) -> str:
    """The kind of component that a `Choice` within an annotation asks for; empty where there is none."""
    if get_origin(annotation) is Choice:
        (interface,) = get_args(annotation)
        return next(kind.name for kind in KINDS if kind.interface_name == interface.__name__)
    return next(filter(None, map(chosen_kind, get_args(annotation))), "")


def type_text(field: Mapping[str, Any], choice: str) -> str:
    """A property's type in words."""
    if "anyOf" in field:
        return " or ".join(dict.fromkeys(type_text(option, choice) for option in field["anyOf"]))
    if "use" in field.get("properties", {}):
        return f"a block: {choice.replace('_', ' ')}"
    if field.get("type") == "array":
        return _list(field, choice)
    if field.get("type") == "object" and isinstance(field.get("additionalProperties"), dict):
        return f"mapping from names to {type_text(field['additionalProperties'], choice)}"
    return _simple(field)


def example(entry: Entry, catalog: Catalog) -> dict[str, Any] | None:
    """The shortest block that names a component, its required settings filled in; it validates.

    The author's own ``examples`` of a field come first. None where no such block was found, as when settings depend on
    each other in ways that their types do not tell.
    """
    block = {"use": entry.name, **_required(entry.component.Config, catalog, _DEEPEST)}
    if entry.kind == "transform" and block.get("modality") == _NAMED:
        block["modality"] = _TABLE  # what transforms are for
    interface = BY_NAME[entry.kind].interface
    try:
        choose(interface, block, catalog)
    except (ValidationError, ValueError):  # pydantic's custom errors are ValueErrors
        return None
    return block


def in_recipe(kind: str, block: Mapping[str, Any]) -> dict[str, Any] | list[dict[str, Any]]:
    """An `example` as it stands in a recipe: of a kind of which there are several, an item of their list.

    The item of a task loss says which network it is for.
    """
    if kind == "task_loss":
        block = {"use": block["use"], "on": "student", **block}
    return [dict(block)] if BY_NAME[kind].listed else dict(block)


def place_in_recipe(kind: str) -> str:
    """In which list of a recipe a kind stands, in words; empty for a kind of which a place takes one."""
    name = BY_NAME[kind].listed
    return f"under {name} of a stage" if name == "objective" else f"under {name}" if name else ""


def source_file(component: type[Component]) -> Path | None:
    """The file that defines a component; None for one that was made elsewhere than in a file."""
    try:
        return Path(inspect.getfile(component))
    except (OSError, TypeError):
        return None


def _required(model: type[BaseModel], catalog: Catalog, depth: int) -> dict[str, Any]:
    schema = model.model_json_schema()
    schema = _inlined(schema, schema.get("$defs", {}), depth)
    found = {}
    for name, field in schema["properties"].items() if "properties" in schema else ():
        if name not in schema.get("required", ()) and not field.get("examples"):
            continue
        kind = chosen_kind(model.model_fields[name].annotation)
        found[name] = field["examples"][0] if field.get("examples") else _value(field, kind, catalog, depth)
    return found


def _inlined(node: Any, definitions: Mapping[str, Any], depth: int) -> Any:
    """A JSON schema with its references replaced by what they refer to, so deep as is needed."""
    if isinstance(node, list):
        return [_inlined(item, definitions, depth) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node and depth:
        return _inlined(definitions[node["$ref"].rpartition("/")[2]], definitions, depth - 1)
    return {name: _inlined(value, definitions, depth) for name, value in node.items() if name != "$defs"}


def _value(field: Mapping[str, Any], choice: str, catalog: Catalog, depth: int) -> Any:
    """A value of a property's type, the simplest."""
    field = field.get("anyOf", [field])[0]
    if "use" in field.get("properties", {}):
        return _block(choice, catalog, depth - 1)
    if "enum" in field or "const" in field:
        return field.get("enum", [field.get("const")])[0]
    if field.get("type") == "array":
        items = field.get("prefixItems") or [field.get("items", {})] * max(1, field.get("minItems", 1))
        values = [_value(item, choice, catalog, depth) for item in items]
        return [_other_name(place) if place and value == _NAMED else value for place, value in enumerate(values)]
    if field.get("type") == "object":
        if "properties" in field:
            return {name: _value(field["properties"][name], "", catalog, depth) for name in field.get("required", ())}
        inner = next(iter(field.get("patternProperties", {}).values()), field.get("additionalProperties"))
        return {_NAMED: _value(inner, choice, catalog, depth)} if isinstance(inner, dict) else {}
    return _scalar(field)


def _other_name(place: int) -> str:
    return _SECOND if place == 1 else f"{_NAMED}_{place}"


def _block(kind: str, catalog: Catalog, depth: int) -> dict[str, Any]:
    """The component of a kind that needs the fewest settings."""
    if not depth:
        return {}
    blocks = [
        {"use": name, **_required(catalog.entry(kind, name).component.Config, catalog, depth)}
        for name in catalog.names(kind)
    ]
    return min(blocks, key=len, default={})


def _scalar(field: Mapping[str, Any]) -> Any:
    kind = field.get("type")
    if kind == "boolean":
        return True
    if kind in {"integer", "number"}:
        least = field.get("minimum", field.get("exclusiveMinimum"))
        if least is None:
            return min(1, field.get("maximum", 1))
        return least + (1 if "exclusiveMinimum" in field or not least else 0)
    return _NAMED


def _default(field: Mapping[str, Any]) -> str:
    value = field.get("default")
    refers = "$ref" in field or any("$ref" in option for option in field.get("anyOf", ()))
    return "see there" if refers and isinstance(value, dict) else json.dumps(value, ensure_ascii=False)


def _simple(field: Mapping[str, Any]) -> str:
    if "$ref" in field:
        return f"`{field['$ref'].rpartition('/')[2]}`"
    if "enum" in field or "const" in field:
        options = field.get("enum", [field.get("const")])
        return "one of " + ", ".join(f"`{option}`" for option in options)
    limits = [f"{sign} {field[name]}" for name, sign in _LIMITS.items() if name in field]
    return ", ".join([_SCALARS.get(field.get("type", ""), "anything"), *limits])


def _list(field: Mapping[str, Any], choice: str) -> str:
    if "prefixItems" in field:
        members = list(dict.fromkeys(type_text(item, choice) for item in field["prefixItems"]))
        return f"list of {len(field['prefixItems'])}: {', '.join(members)}"
    least = f", at least {field['minItems']}" if "minItems" in field else ""
    return f"list of {type_text(field.get('items', {}), choice)}{least}"
