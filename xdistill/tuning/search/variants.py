"""Recipes with some fields changed, and whether every choice of a space makes one that fits together."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from xdistill.errors import Problem, RecipeError
from xdistill.experiment.assemble import assemble
from xdistill.experiment.networks import CachedProbes
from xdistill.interfaces.component import Component
from xdistill.plugin import Catalog
from xdistill.recipe.load import validated
from xdistill.recipe.loaded import LoadedRecipe
from xdistill.recipe.overrides import Override, apply_overrides
from xdistill.recipe.schema.tuning import Search, Tune, chosen
from xdistill.recipe.yaml.nodes import MappingNode, Node, Origin, ScalarNode, from_plain, locate, node_at, to_plain


def without_search(loaded: LoadedRecipe) -> LoadedRecipe:
    """The recipe as `xdistill run` takes it."""
    entries = {name: entry for name, entry in loaded.root.entries.items() if name != "tune"}
    return replace(
        loaded,
        recipe=loaded.recipe.model_copy(update={"tune": None}),
        root=replace(loaded.root, entries=entries),
    )


def with_values(loaded: LoadedRecipe, values: Mapping[str, Any], *, source: str = "tune") -> LoadedRecipe:
    """The recipe with fields changed to plain values.

    Raises:
        RecipeError: where that is no recipe.
    """
    origin = Origin(source=source)
    return _changed(loaded, {name: from_plain(value, origin)[0] for name, value in values.items()})


def _changed(loaded: LoadedRecipe, nodes: Mapping[str, Node]) -> LoadedRecipe:
    """The recipe with some of its fields replaced by values, shorter names first, since longer ones refine them."""
    overrides = [
        Override(tuple(name.split(".")), node) for name, node in sorted(nodes.items(), key=lambda item: _depth(item[0]))
    ]
    root, problems = apply_overrides(loaded.root, overrides)
    recipe, found = validated(root)
    if recipe is None or problems or found:
        raise RecipeError([*problems, *found], root=root)
    return replace(loaded, recipe=recipe, root=root)


@dataclass(frozen=True)
class Variants:
    """What the recipes that a space makes are like.

    Attributes:
        problems: what is wrong with them.
        components: that they are made of.
    """

    problems: tuple[Problem, ...]
    components: frozenset[type[Component]]


def variants(loaded: LoadedRecipe, tune: Tune, catalog: Catalog) -> Variants:
    """Look at the recipes that a space makes: each choice is assembled once, of a range both ends and more.

    Choices that only together do not fit are not found here; a trial of theirs fails by itself.
    """
    plain = without_search(loaded)
    problems: dict[Problem, None] = {}
    components: set[type[Component]] = set()
    sketches = CachedProbes()  # most choices leave the networks as they are
    for name, nodes in _variants(loaded.root, tune):
        try:
            components |= assemble(_changed(plain, nodes), catalog, sketches).components
        except RecipeError as error:
            problems.update(dict.fromkeys(_blamed(problem, name, nodes[name]) for problem in error.problems))
    return Variants(tuple(problems), frozenset(components))


def _blamed(problem: Problem, name: str, node: Node) -> Problem:
    """The problem; if it is at another location of the recipe, with the choice that causes it."""
    if problem.path == name or problem.path.startswith(f"{name}."):
        return problem
    return replace(
        problem, message=f"with {name} = {json.dumps(to_plain(node), ensure_ascii=False)}: {problem.message}"
    )


def _variants(root: MappingNode, tune: Tune) -> Iterator[tuple[str, dict[str, Node]]]:
    for name, search in tune.space.items():
        needed = _needed(root, name, tune)
        for node in _candidates(root, name, search):
            yield name, {**needed, name: node}


def _candidates(root: MappingNode, name: str, search: Search) -> Iterator[Node]:
    """The values of a field that are tried before anything is trained, each with its place in the recipe file."""
    place = ("tune", "space", name)
    if search.choices is not None:
        for index in range(len(search.choices)):
            node = node_at(root, (*place, "choices", index))
            if node is not None:
                yield node
        return
    low, high = search.low or 0.0, search.high or 0.0
    between = low + 0.382 * (high - low)  # not a whole number, as proposals may be
    origin = locate(root, place, key=True)
    for value in dict.fromkeys((low, high) if search.int or search.step else (low, high, between)):
        yield ScalarNode(int(value) if search.int else value, origin)


def _needed(root: MappingNode, name: str, tune: Tune) -> dict[str, Node]:
    """The choices of other fields under which a field counts."""
    nodes: dict[str, Node] = {}
    for other, wanted in tune.space[name].when.items():
        choices = tune.space[other].choices or ()
        index = next(index for index, choice in enumerate(choices) if chosen(wanted, choice))
        node = node_at(root, ("tune", "space", other, "choices", index))
        nodes.update(_needed(root, other, tune))
        if node is not None:
            nodes[other] = node
    return nodes


def _depth(name: str) -> int:
    return name.count(".")
