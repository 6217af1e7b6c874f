"""The JSON Schema of recipe files, for editors that complete and check recipes as they are typed."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from xdistill.recipe.schema.recipe import Recipe

EXTENDS = "A recipe file, relative to this one, or the name of a bundled recipe, which this recipe overrides."
PROFILES = "Variants by name, selected with --profile; each overrides fields of the recipe."


def recipe_json_schema() -> dict[str, Any]:
    """The schema of a recipe file, `extends` and `profiles` included.

    A recipe that extends another need not say everything, and neither does a profile: for these the same schema
    holds without required fields.
    """
    whole = Recipe.model_json_schema()
    definitions: dict[str, Any] = whole.pop("$defs")
    for definition in definitions.values():
        definition.pop("title", None)
    partial = _partial(whole, definitions)
    definitions["Recipe"] = _with_file_fields(whole)
    definitions["PartialRecipe"] = _with_file_fields(partial)
    definitions["Profile"] = {**partial, "title": "Profile", "description": "What this profile changes."}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "xdistill recipe",
        "type": "object",
        "if": {"required": ["extends"]},
        "then": {"$ref": "#/$defs/PartialRecipe"},
        "else": {"$ref": "#/$defs/Recipe"},
        "$defs": definitions,
    }


def _with_file_fields(schema: dict[str, Any]) -> dict[str, Any]:
    profiles = {
        "description": PROFILES,
        "type": ["object", "null"],
        "additionalProperties": {"anyOf": [{"$ref": "#/$defs/Profile"}, {"type": "null"}]},
    }
    file_fields = {"extends": {"description": EXTENDS, "type": "string", "minLength": 1}, "profiles": profiles}
    return {**schema, "properties": {**file_fields, **schema["properties"]}}


def _partial(whole: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """The schema of a layer: nothing is required, blocks need not name a component, null takes a mapping away."""
    block = deepcopy(definitions["Block"])
    block.pop("required", None)
    definitions["PartialBlock"] = block
    definitions["PartialTune"] = _partial_tune(definitions["Tune"])
    partial = deepcopy(whole)
    partial.pop("required", None)
    partial["title"] = "PartialRecipe"
    partial["properties"] = {name: _layered(value) for name, value in partial["properties"].items()}
    return partial


def _layered(field: dict[str, Any]) -> dict[str, Any]:
    # Lists replace as a whole, so the blocks inside them are complete: only blocks that merge are relaxed.
    options = [_relaxed(option) for option in field.get("anyOf", [{"$ref": field.get("$ref")}])]
    if not any("$ref" in option and option["$ref"] for option in options):
        return field
    if {"type": "null"} not in options:
        options.append({"type": "null"})
    kept = {key: value for key, value in field.items() if key not in {"$ref", "anyOf"}}
    return {**kept, "anyOf": options}


def _partial_tune(tune: dict[str, Any]) -> dict[str, Any]:
    """The schema of a layer's search: the space need not be there, and null takes a field out of it."""
    partial = deepcopy(tune)
    partial.pop("required", None)
    space = partial["properties"]["space"]
    space["additionalProperties"] = {"anyOf": [space["additionalProperties"], {"type": "null"}]}
    return partial


_RELAXED = {f"#/$defs/{name}": {"$ref": f"#/$defs/Partial{name}"} for name in ("Block", "Tune")}


def _relaxed(option: dict[str, Any]) -> dict[str, Any]:
    return _RELAXED.get(str(option.get("$ref")), option)
