"""The model at a path in a recipe: its fields and their descriptions."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, Discriminator, Tag

from xdistill.recipe.yaml.nodes import TreePath

# From an annotation that is not a model, such as a choice of component, and the value there, to the value's model.
ConfigOf = Callable[[Any, Any], type[BaseModel] | None]


def model_at(
    model: type[BaseModel], path: TreePath, value: Any = None, config_of: ConfigOf | None = None
) -> type[BaseModel] | None:
    """The model of the mapping at a path below ``model``; None when it is unknown.

    Args:
        model: of the mapping from which the path counts.
        path: field names and list indices.
        value: that mapping, for ``config_of``.
        config_of: finds the models that annotations do not state.
    """
    found: type[BaseModel] | None = model
    annotation: Any = model
    for part in path:
        if found is not None:
            info = found.model_fields.get(str(part))
            annotation = info.annotation if info else None
        else:
            annotation = _item(annotation)
        value = _below(value, part)
        found = _model_in(annotation, value, config_of)
    return found


def _below(value: Any, part: str | int) -> Any:
    if isinstance(value, Mapping):
        return value.get(part)
    if isinstance(value, (list, tuple)) and isinstance(part, int) and part < len(value):
        return value[part]
    return None


def _model_in(annotation: Any, value: Any, config_of: ConfigOf | None) -> type[BaseModel] | None:
    for option in _meant(annotation, value):
        if isinstance(option, type) and issubclass(option, BaseModel):
            return option
        found = config_of(option, value) if config_of else None
        if found:
            return found
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


def _meant(annotation: Any, value: Any) -> list[Any]:
    """The members of a union; of one whose members have tags, the one whose tag the value has."""
    if get_origin(annotation) is not Annotated:
        return options(annotation)
    union, *metadata = get_args(annotation)
    tags = [entry.discriminator(value) for entry in metadata if _tells_kinds(entry)]
    tagged = [member for member in get_args(union) if tags and Tag(str(tags[0])) in get_args(member)]
    return options(tagged[0] if tagged else annotation)


def _tells_kinds(entry: Any) -> bool:
    return isinstance(entry, Discriminator) and callable(entry.discriminator)


def options(annotation: Any) -> list[Any]:
    """The members of a union without its `Annotated` wrappers; the annotation alone when it is none."""
    if get_origin(annotation) is Annotated:
        return options(get_args(annotation)[0])
    if get_origin(annotation) in {Union, types.UnionType}:
        return [option for member in get_args(annotation) for option in options(member)]
    return [annotation]
