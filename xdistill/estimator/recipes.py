"""From the estimator's parameters to a checked recipe and the catalog that it is resolved in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from xdistill.errors import RecipeError, UserError
from xdistill.estimator.dataset import Arrays
from xdistill.experiment.assemble import read_recipe
from xdistill.interfaces.component import Component
from xdistill.plugin import KINDS, Catalog, hookimpl, load_catalog
from xdistill.plugin.importing import Plugin, import_file
from xdistill.recipe.loaded import LoadedRecipe
from xdistill.recipe.overrides import Overrides, parse_override
from xdistill.recipe.schema.crossval import Crossval
from xdistill.recipe.yaml.nodes import to_plain

DEVICES = ("auto", "cpu", "cuda", "mps")
# Fields that have no effect when training on arrays in this process.
_FIXED: Mapping[str, Any] = {
    "data": {"use": Arrays.name},
    "test": None,
    **{f"crossval.{name}": value for name, value in Crossval().complete().items() if name in Crossval.added},
    "executor": {"use": "local"},
    "trackers": [],
    "metrics": [],
    "tune": None,
}
_LAST: Mapping[str, Any] = {"loader.workers": 0, "compute.devices": 1}


def load(
    recipe: Any,
    *,
    profile: str | None,
    overrides: Overrides,
    blocks: Mapping[str, Any],
    device: str,
    plugins: Sequence[Any],
) -> tuple[LoadedRecipe, Catalog]:
    """The recipe with its data replaced by arrays, and the catalog.

    Args:
        recipe: a name, a file, a loaded recipe, plain data; None: the blocks are the recipe.
        profile: of the recipe.
        overrides: applied after the blocks.
        blocks: merged into the recipe, by dotted name.
        device: one of `DEVICES`.
        plugins: files, and classes of components.

    Raises:
        RecipeError: with all problems at once.
        UserError: for an unknown device, or blocks that are not a recipe.
    """
    if device not in DEVICES:
        valid = ", ".join(f"`{name}`" for name in DEVICES)
        raise UserError(f"unknown device `{device}`. Valid devices: {valid}")
    if recipe is None:
        absent = [name for name in ("student", "stages") if name not in blocks]
        if absent:
            raise UserError(f"`Distiller` needs a recipe, or a `student` and `stages`; `{absent[0]}` is missing")
        recipe = {"name": "distiller", "data": {"use": Arrays.name}}
    elif isinstance(recipe, Mapping) and "extends" not in recipe:
        recipe = {"name": "distiller", "data": {"use": Arrays.name}, **recipe}
    chosen = {} if device == "auto" else {"compute.accelerator": device}
    changes = {**_FIXED, **blocks, **_as_mapping(overrides), **_LAST, **chosen}
    catalog = load_catalog(extra=list(_plugins(plugins)))
    loaded = read_recipe(recipe, profile=profile, overrides=changes, catalog=lambda: catalog)
    return loaded, catalog


def modalities_of(loaded: LoadedRecipe) -> tuple[str, ...]:
    """The modalities that the recipe's networks name as their `inputs`, and its transforms."""
    recipe = loaded.recipe
    networks = [block.raw() for block in (recipe.teacher, recipe.student) if block is not None]
    named = [name for block in networks for name in _inputs(block)]
    transformed = [block.raw().get("modality") for block in recipe.transforms]
    return tuple(dict.fromkeys(name for name in (*named, *transformed) if isinstance(name, str)))


def _inputs(value: Any) -> Iterator[str]:
    """Everything below a key `inputs`, however deep."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key == "inputs" and isinstance(item, (list, tuple)):
                yield from item
            else:
                yield from _inputs(item)


def _as_mapping(overrides: Overrides) -> dict[str, Any]:
    if isinstance(overrides, Mapping):
        return dict(overrides)
    found: dict[str, Any] = {}
    for text in [overrides] if isinstance(overrides, str) else overrides:
        override, problems = parse_override(text)
        if override is None:
            raise RecipeError(problems)
        found[".".join(override.steps)] = to_plain(override.value)
    return found


def _plugins(given: Sequence[Any]) -> Iterator[Plugin]:
    """Files as plugins of their own; classes, and the data set of arrays, together as one."""
    given = [given] if isinstance(given, (str, PathLike, type)) else list(given)
    classes: list[type[Component]] = [Arrays]
    for item in given:
        if isinstance(item, type) and issubclass(item, Component):
            classes.append(item)
        elif isinstance(item, (str, PathLike)):
            yield import_file(Path(item))
        else:
            raise UserError(f"{item!r} is not a plugin; pass a Python file, or the class of a component")
    yield Plugin("given", _hooks(classes), "Python", "0")


def _hooks(classes: Sequence[type[Component]]) -> SimpleNamespace:
    hooks = SimpleNamespace()
    for kind in KINDS:
        offered = [component for component in classes if issubclass(component, kind.interface)]
        if offered:
            setattr(hooks, kind.hook, hookimpl(_returns(offered)))
    return hooks


def _returns(value: Any) -> Any:
    def hook() -> Any:
        return value

    return hook
