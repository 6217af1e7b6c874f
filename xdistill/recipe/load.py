"""Load a recipe from a file or from Python data: `extends`, profiles, overrides, environment; all problems at once."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike, fspath
from typing import Any

from pydantic import ValidationError

from xdistill.errors import Problem, RecipeError
from xdistill.recipe.environment import fill_in_environment, resolve_paths, without_values
from xdistill.recipe.files import shown
from xdistill.recipe.layers import Chain, Layer, chain_of_tree, find_recipe, read_chain
from xdistill.recipe.loaded import LoadedRecipe
from xdistill.recipe.merge import merge, written_for
from xdistill.recipe.overrides import Overrides, apply_overrides, parse_overrides
from xdistill.recipe.problems import problem_at, problems_of
from xdistill.recipe.schema.recipe import Recipe
from xdistill.recipe.schema.tuning import space_problems
from xdistill.recipe.yaml.nodes import MappingNode, Origin, from_plain, to_plain
from xdistill.suggest import did_you_mean

__all__ = ["LoadedRecipe", "RecipeLike", "as_loaded", "load_recipe"]

RecipeLike = LoadedRecipe | Recipe | Mapping[str, Any] | str | PathLike[str]


def load_recipe(recipe: RecipeLike, *, profile: str | None = None, overrides: Overrides = ()) -> LoadedRecipe:
    """Load and check a recipe.

    Args:
        recipe: a file, the name of a bundled recipe such as ``mvi_hcc``, plain data, or what this function returned.
            Plain data may have `extends` (relative to the working directory) and `profiles`, as a file may. A loaded
            recipe has no profiles left; it accepts overrides alone.
        profile: the profile to apply.
        overrides: changes that are applied last, as texts ``a.b=c`` or as a mapping from dotted names to values.

    Raises:
        RecipeError: with all problems at once.
    """
    if isinstance(recipe, (str, PathLike)):
        return load_chain(read_chain(find_recipe(fspath(recipe))), profile, overrides)
    if isinstance(recipe, LoadedRecipe):
        if profile is None and not overrides:
            return recipe
        chain = Chain([Layer(recipe.root, file=recipe.files[0] if recipe.files else None)], [])
        changed = load_chain(chain, profile, overrides)
        return replace(changed, source=recipe.source, files=recipe.files, profile=recipe.profile)
    plain = recipe.model_dump(mode="json", exclude_unset=True) if isinstance(recipe, Recipe) else recipe
    root, problems = from_plain(plain, Origin())
    if problems:  # nulls stand in for the values, so any further check would mislead
        raise RecipeError(problems)
    return load_chain(chain_of_tree(root), profile, overrides)


as_loaded = load_recipe  # the former name


def load_chain(chain: Chain, profile: str | None, overrides: Overrides) -> LoadedRecipe:
    """The recipe of a chain of files, with a profile and overrides applied.

    Raises:
        RecipeError: with all problems at once.
    """
    problems = list(chain.problems)
    root, found = _with_profile(chain.layers, profile)
    problems += found
    changes, found = parse_overrides(overrides)
    problems += found
    root, found = apply_overrides(root, changes)
    problems += found
    written = root
    root, found = fill_in_environment(root, os.environ)
    problems += found
    root = resolve_paths(root)
    recipe, found = validated(root)
    problems += found
    if recipe is None or problems:
        problems = without_values(problems, written, os.environ)
        raise RecipeError(sorted(problems, key=lambda problem: problem.sort_key), root=root)
    files = tuple(layer.file for layer in reversed(chain.layers) if layer.file)
    return LoadedRecipe(recipe, shown(files[0]) if files else "", root, profile, files)


def validated(root: MappingNode) -> tuple[Recipe | None, list[Problem]]:
    """The recipe of a tree, or its problems.

    Types are strict: the string "3" is not a number, and `no` is not a boolean. Validation goes through JSON, in
    which strict mode accepts a list for a tuple.
    """
    try:
        recipe = Recipe.model_validate_json(json.dumps(to_plain(root)), strict=True)
    except ValidationError as error:
        return None, problems_of(error, root, model=Recipe)
    return recipe, [problem_at(root, ("tune", *place), message) for place, message in space_problems(recipe.tune)]


def _with_profile(layers: Sequence[Layer], profile: str | None) -> tuple[MappingNode, list[Problem]]:
    """All files merged, then what each says about the profile, base first."""
    known = sorted({name for layer in layers for name in layer.profiles})
    problems = []
    if profile is not None and profile not in known:
        near = did_you_mean(profile, known, "profiles") or "; the recipe has no profiles"
        problems.append(Problem(f"unknown profile `{profile}`{near}", "", f"--profile {profile}"))
    root = layers[0].tree
    refinements: list[MappingNode] = []
    for layer in layers:
        root = merge(root, layer.tree) if layer is not layers[0] else root
        refinement = layer.profiles.get(profile) if profile is not None else None
        if refinement is not None:
            state = _over(root, refinements)
            refinements.append(written_for(refinement, state))
    # A field that is missing everywhere is reported in the file that the user named.
    return replace(_over(root, refinements), origin=layers[-1].tree.origin), problems


def _over(root: MappingNode, refinements: Sequence[MappingNode]) -> MappingNode:
    for refinement in refinements:
        root = merge(root, refinement)
    return root
