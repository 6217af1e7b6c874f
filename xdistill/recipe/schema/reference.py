"""The reference page of recipes, made from the models; ``python -m xdistill.recipe.schema.reference`` prints it."""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from xdistill.recipe.schema.compute import Compute, Loader
from xdistill.recipe.schema.cross_fit import CrossFit
from xdistill.recipe.schema.crossval import Crossval, SplitFiles, SplitWords
from xdistill.recipe.schema.fields import options
from xdistill.recipe.schema.json_schema import EXTENDS, PROFILES
from xdistill.recipe.schema.missing import Missing
from xdistill.recipe.schema.recipe import (
    Block,
    CacheRecipe,
    ExecutorBlock,
    ExternalTest,
    FitStage,
    Optimizer,
    Recipe,
    Term,
    TermOptimizer,
    TrainStage,
)
from xdistill.recipe.schema.teacher_cache import TeacherCache
from xdistill.recipe.schema.tuning import Pruner, Sampler, Search, Tune
from xdistill.recipe.schema.unlabelled import Unlabelled

SECTIONS: tuple[tuple[str, type[BaseModel]], ...] = (
    ("recipe", Recipe),
    ("block", Block),
    ("external test", ExternalTest),
    ("stage", TrainStage),
    ("fit stage", FitStage),
    ("cross fit", CrossFit),
    ("term", Term),
    ("term optimizer", TermOptimizer),
    ("optimizer", Optimizer),
    ("loader", Loader),
    ("compute", Compute),
    ("crossval", Crossval),
    ("split words", SplitWords),
    ("split files", SplitFiles),
    ("missing", Missing),
    ("unlabelled", Unlabelled),
    ("cache", CacheRecipe),
    ("teacher cache", TeacherCache),
    ("executor", ExecutorBlock),
    ("tune", Tune),
    ("search", Search),
    ("sampler", Sampler),
    ("pruner", Pruner),
)
_TITLES = {model: title for title, model in SECTIONS}
_SCALARS = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    type(None): "null",
    Any: "any value",
}
_LIMITS = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤"}
_HEAD = "| field | type | default | description |\n|---|---|---|---|"
_SETTINGS = "| … | | | the component's own settings; `xdistill recipe show` fills in their defaults |"


def render() -> str:
    """The whole page as Markdown; the same models give the same text."""
    prose = Path(__file__).with_suffix(".md").read_text(encoding="utf-8")
    tables = "\n\n".join(_section(title, model) for title, model in SECTIONS)
    return prose.replace("<!-- tables -->", tables)


def _section(title: str, model: type[BaseModel]) -> str:
    rows = [_row(name, info) for name, info in model.model_fields.items()]
    if model is Recipe:
        rows[:0] = [f"| `extends` | string | | {EXTENDS} |", f"| `profiles` | mapping | | {PROFILES} |"]
    if model.model_config.get("extra") == "allow":
        rows.append(_SETTINGS)
    return "\n".join([f"### {title}", "", _described(model), "", _HEAD, *rows])


def _described(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").split())


def _row(name: str, info: FieldInfo) -> str:
    cells = (f"`{name}`", _type(info), _default(info), (info.description or "").replace("|", "\\|"))
    return f"| {' | '.join(cells)} |"


def _type(info: FieldInfo) -> str:
    # pydantic keeps the limits of a plain field next to the annotation, and those of a union's member inside it.
    members = [_limited(_named(option), metadata) for option, metadata in _members(info.annotation)]
    members[0] = _limited(members[0], info.metadata)
    return " or ".join(members)


def _members(annotation: Any) -> list[tuple[Any, list[Any]]]:
    if get_origin(annotation) in {Union, types.UnionType}:
        return [member for argument in get_args(annotation) for member in _members(argument)]
    metadata = list(getattr(annotation, "__metadata__", ()))
    found = [entry for item in metadata for entry in (item.metadata if isinstance(item, FieldInfo) else [item])]
    return [(options(annotation)[0], found)]


def _limited(name: str, metadata: list[Any]) -> str:
    return ", ".join([name, *_limits(metadata)])


def _named(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return "one of " + ", ".join(f"`{choice}`" for choice in get_args(annotation))
    if get_origin(annotation) is tuple:
        return f"list of {' or '.join(map(_named, options(get_args(annotation)[0])))}"
    if get_origin(annotation) is dict:
        return f"mapping to {_named(get_args(annotation)[1])}"
    if annotation in _TITLES:
        return f"[{_TITLES[annotation]}](#{_TITLES[annotation].replace(' ', '-')})"
    return _SCALARS[annotation]


def _limits(metadata: list[Any]) -> Iterator[str]:
    for entry in metadata:
        for name, sign in _LIMITS.items():
            if hasattr(entry, name):
                yield f"{sign} {getattr(entry, name)}"
        if hasattr(entry, "min_length"):
            yield f"at least {entry.min_length}"


def _default(info: FieldInfo) -> str:
    default = info.get_default(call_default_factory=False)
    if default is PydanticUndefined:
        return "required"
    if isinstance(default, Block):
        return f"`{{use: {default.use}}}`"
    if isinstance(default, BaseModel):
        return f"`{{use: {default.use}}}`" if isinstance(default, (Sampler, Pruner)) else "see there"
    return f"`{json.dumps(default)}`"


if __name__ == "__main__":
    sys.stdout.write(render())
