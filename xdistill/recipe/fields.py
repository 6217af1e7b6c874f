"""What the models say about a place in a recipe: its fields and their descriptions."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from xdistill.recipe.nodes import TreePath


def model_at(model: type[BaseModel], path: TreePath) -> type[BaseModel] | None:
    """The model of the mapping at a place below ``model``; None when models do not know it."""
    found: type[BaseModel] | None = model
    annotation: Any = model
    for part in path:
        if found is not None:
            info = found.model_fields.get(str(part))
            annotation = info.annotation if info else None
        else:
            annotation = _item(annotation)
        found = _model_in(annotation)
    return found


def field_at(model: type[BaseModel], path: TreePath) -> FieldInfo | None:
    """What the models say about the field at a place; None when they do not know it."""
    if not path:
        return None
    owner = model_at(model, path[:-1])
    return owner.model_fields.get(str(path[-1])) if owner else None


def names_at(model: type[BaseModel], path: TreePath) -> tuple[str, ...]:
    """The fields that the mapping at a place may have."""
    owner = model_at(model, path)
    return tuple(owner.model_fields) if owner else ()


def _model_in(annotation: Any) -> type[BaseModel] | None:
    for option in options(annotation):
        if isinstance(option, type) and issubclass(option, BaseModel):
            return option
    return None


def _item(annotation: Any) -> Any:
    """What a list's items, or a mapping's values, are annotated with."""
    for option in options(annotation):
        origin, arguments = get_origin(option), get_args(option)
        if origin in {tuple, list}:
            return arguments[0]
        if isinstance(origin, type) and issubclass(origin, Mapping):
            return arguments[1]
    return None


def options(annotation: Any) -> list[Any]:
    """The members of a union without its `Annotated` wrappers; the annotation alone when it is none."""
    if get_origin(annotation) is Annotated:
        return options(get_args(annotation)[0])
    if get_origin(annotation) in {Union, types.UnionType}:
        return [option for member in get_args(annotation) for option in options(member)]
    return [annotation]
