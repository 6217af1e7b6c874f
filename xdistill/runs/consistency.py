"""Whether what a run's or a benchmark's record says of its networks fits the recipe in the same record."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

_LISTS: Final = frozenset({"inputs", "modalities"})  # fields of a network's block that name what it reads


def inputs_problem(
    recipe: Mapping[str, Any],
    networks: Mapping[str, Collection[str]],
    privileged: Collection[str],
    modalities: Collection[str],
) -> str:
    """The first contradiction; empty if there is none.

    Args:
        recipe: as resolved.
        networks: the inputs of each network, by role.
        privileged: modalities that the record calls privileged.
        modalities: of the cohort; empty: not known.
    """
    return next(_problems(recipe, networks, privileged, modalities), "")


def _problems(
    recipe: Mapping[str, Any],
    networks: Mapping[str, Collection[str]],
    privileged: Collection[str],
    modalities: Collection[str],
) -> Iterator[str]:
    stated = recipe.get("privileged")
    stated = {name for name in stated if isinstance(name, str)} if isinstance(stated, list | tuple) else None
    seen = ({*privileged} | (stated or set())) & set(networks.get("student", ()))
    if seen:
        yield f"the student's inputs name the privileged modality {min(seen)!r}"
    for role, inputs in networks.items():
        unknown = set(inputs) - set(modalities) if modalities else set()
        if unknown:
            yield f"the inputs of the {role} name {min(unknown)!r}, which is not a modality of the cohort"
        block = recipe.get(role)
        if block is None and role != "student":
            yield f"there is a {role}, but the recipe has none"
        read = set(_read_by(block))
        if read and read <= set(modalities) and read != set(inputs):  # others are made by a network itself
            yield (
                f"the inputs of the {role} are {_listed(inputs)}, but those of the {role} in the recipe are "
                f"{_listed(read)}"
            )
    if stated is not None and not set(privileged) <= stated:
        yield f"`privileged` is {_listed(privileged)}, but in the recipe it is {_listed(stated)}"


def _read_by(block: Any) -> Iterator[str]:
    """The modalities that a network's block names; none for networks that read whatever there is."""
    if isinstance(block, Mapping):
        for name, value in block.items():
            if name in _LISTS and isinstance(value, list) and all(isinstance(item, str) for item in value):
                yield from value
            else:
                yield from _read_by(value)
    elif isinstance(block, list):
        for item in block:
            yield from _read_by(item)


def _listed(names: Collection[str]) -> str:
    return ", ".join(sorted(map(str, names))) or "empty"
