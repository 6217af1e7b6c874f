"""The tuned recipe as YAML: what it extends, and the chosen settings."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from xdistill.errors import RecipeError
from xdistill.recipe.bundled import bundled_names, find_bundled
from xdistill.recipe.load import load_recipe
from xdistill.recipe.loaded import LoadedRecipe
from xdistill.recipe.yaml.writer import write_yaml
from xdistill.runs.files import write_text
from xdistill.tuning.search.variants import with_values

_GONE = object()
_IGNORED = frozenset({"executor", "tune"})


def write_tuned(path: Path, base: LoadedRecipe, values: Mapping[str, Any], *, name: str, remarks: str) -> None:
    """Write a recipe that `xdistill run` takes.

    It extends the recipe's file where there is one and where that says the same, which is tried; else it says
    everything.

    Args:
        path: of the file.
        base: the recipe that was tuned, without its search.
        values: chosen settings by field.
        name: of the new recipe.
        remarks: put before it as comments.
    """
    tuned = {**with_values(base, values).tree(), "name": name}
    comments = "".join(f"# {line}".rstrip() + "\n" for line in remarks.splitlines())
    text = _extending(path, base, tuned)
    write_text(path, comments + (text or write_yaml(tuned)))
    if text and not _reads_as(path, tuned):
        write_text(path, comments + write_yaml(tuned))


def _extending(path: Path, base: LoadedRecipe, tuned: Mapping[str, Any]) -> str:
    """The recipe as changes of a file; empty where there is no file."""
    if not base.files:
        return ""
    file = base.files[0]
    original = load_recipe(file).tree()
    difference = _difference(original, tuned)
    difference.pop("executor", None)  # where it was tuned does not matter for a run
    difference["tune"] = None  # the search is over
    changes = {"name": tuned["name"], **difference} if "tune" in original else difference
    if "tune" not in original:
        changes.pop("tune")
    return write_yaml({"extends": _reference(path, file), **changes})


def _reference(path: Path, file: Path) -> str:
    """What to extend: a bundled recipe by its name, another one by its way from here."""
    for name in bundled_names():
        found = find_bundled(name)
        if found is not None and found.resolve() == file.resolve():
            return name
    return os.path.relpath(file.resolve(), path.parent.resolve())


def _reads_as(path: Path, tuned: Mapping[str, Any]) -> bool:
    try:
        read = load_recipe(path).tree()
    except RecipeError:
        return False
    return {name: value for name, value in read.items() if name not in _IGNORED} == {
        name: value for name, value in tuned.items() if name not in _IGNORED
    }


def _difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """What to lay over one tree to get the other; blocks that name another component are written whole."""
    changes: dict[str, Any] = {}
    for name in dict.fromkeys([*old, *new]):
        before, after = old.get(name, _GONE), new.get(name, _GONE)
        if before == after:
            continue
        if after is _GONE:
            changes[name] = None
        elif isinstance(before, Mapping) and isinstance(after, Mapping) and before.get("use") == after.get("use"):
            changes[name] = _difference(before, after)
        else:
            changes[name] = after
    return changes
