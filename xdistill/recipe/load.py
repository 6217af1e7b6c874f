"""From a file, or from Python, to a checked recipe: `extends`, profiles, overrides, environment, all faults at once."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike, fspath
from typing import Any

from pydantic import ValidationError

from xdistill.errors import Fault, RecipeError
from xdistill.recipe.environment import fill_in_environment, resolve_paths
from xdistill.recipe.files import shown
from xdistill.recipe.layers import Chain, Layer, chain_of_tree, find_recipe, read_chain
from xdistill.recipe.loaded import LoadedRecipe
from xdistill.recipe.merge import merge, written_for
from xdistill.recipe.overrides import Overrides, apply_overrides, parse_overrides
from xdistill.recipe.problems import fault_at, faults_of
from xdistill.recipe.schema.recipe import Recipe
from xdistill.recipe.schema.tuning import space_faults
from xdistill.recipe.suggest import did_you_mean
from xdistill.recipe.yaml.nodes import MappingNode, Origin, from_plain, to_plain

__all__ = ["LoadedRecipe", "as_loaded", "load_recipe"]


def load_recipe(path: str | PathLike[str], *, profile: str | None = None, overrides: Overrides = ()) -> LoadedRecipe:
    """Read and check a recipe.

    Args:
        path: a file, or the bare name of a bundled recipe such as ``mvi_hcc``.
        profile: the profile to lay over it.
        overrides: last changes, as texts ``a.b=c`` or as a mapping from dotted names to values.

    Raises:
        RecipeError: with all faults at once.
    """
    return load_chain(read_chain(find_recipe(fspath(path))), profile, overrides)


def as_loaded(
    recipe: LoadedRecipe | Recipe | Mapping[str, Any] | str | PathLike[str],
    *,
    profile: str | None = None,
    overrides: Overrides = (),
) -> LoadedRecipe:
    """A loaded recipe from whatever somebody has at hand in Python.

    A mapping may have `extends` (relative to the working directory) and `profiles`, as a file does. A loaded recipe
    has no profiles any more; only overrides can be laid over it.

    Raises:
        RecipeError: with all faults at once.
    """
    if isinstance(recipe, (str, PathLike)):
        return load_recipe(recipe, profile=profile, overrides=overrides)
    if isinstance(recipe, LoadedRecipe):
        if profile is None and not overrides:
            return recipe
        chain = Chain([Layer(recipe.root, file=recipe.files[0] if recipe.files else None)], [])
        changed = load_chain(chain, profile, overrides)
        return replace(changed, source=recipe.source, files=recipe.files, profile=recipe.profile)
    plain = recipe.model_dump(mode="json", exclude_unset=True) if isinstance(recipe, Recipe) else recipe
    root, faults = from_plain(plain, Origin())
    chain = chain_of_tree(root)
    chain.faults[:0] = faults
    return load_chain(chain, profile, overrides)


def load_chain(chain: Chain, profile: str | None, overrides: Overrides) -> LoadedRecipe:
    """The recipe that a chain of files makes, with a profile and overrides laid over it.

    Raises:
        RecipeError: with all faults at once.
    """
    faults = list(chain.faults)
    root, found = _with_profile(chain.layers, profile)
    faults += found
    changes, found = parse_overrides(overrides)
    faults += found
    root, found = apply_overrides(root, changes)
    faults += found
    root, found = fill_in_environment(root, os.environ)
    faults += found
    root = resolve_paths(root)
    recipe, found = validated(root)
    faults += found
    if recipe is None or faults:
        raise RecipeError(sorted(faults, key=_place), root=root)
    files = tuple(layer.file for layer in reversed(chain.layers) if layer.file)
    return LoadedRecipe(recipe, shown(files[0]) if files else "", root, profile, files)


def validated(root: MappingNode) -> tuple[Recipe | None, list[Fault]]:
    """The recipe that a tree holds, or its faults.

    Types are taken strictly: the text "3" is no number, and `no` no truth value. Validation goes through JSON,
    where a list is what a recipe calls a list.
    """
    try:
        recipe = Recipe.model_validate_json(json.dumps(to_plain(root)), strict=True)
    except ValidationError as error:
        return None, faults_of(error, root, model=Recipe)
    return recipe, [fault_at(root, ("tune", *place), message) for place, message in space_faults(recipe.tune)]


def _place(fault: Fault) -> tuple[bool, str, int, int]:
    """Faults in files first, each file from top to bottom."""
    return fault.line == 0, fault.source, fault.line, fault.column


def _with_profile(layers: Sequence[Layer], profile: str | None) -> tuple[MappingNode, list[Fault]]:
    """All files over one another, then what each says about the profile, base first."""
    known = sorted({name for layer in layers for name in layer.profiles})
    faults = []
    if profile is not None and profile not in known:
        near = did_you_mean(profile, known) or "; this recipe has no profiles"
        faults.append(Fault(f"there is no profile {profile!r}{near}", "", f"--profile {profile}"))
    root = layers[0].tree
    refinements: list[MappingNode] = []
    for layer in layers:
        root = merge(root, layer.tree) if layer is not layers[0] else root
        refinement = layer.profiles.get(profile) if profile is not None else None
        if refinement is not None:
            state = _over(root, refinements)
            refinements.append(written_for(refinement, state))
    # A field that is missing everywhere is missed in the file that the user named.
    return replace(_over(root, refinements), origin=layers[-1].tree.origin), faults


def _over(root: MappingNode, refinements: Sequence[MappingNode]) -> MappingNode:
    for refinement in refinements:
        root = merge(root, refinement)
    return root
