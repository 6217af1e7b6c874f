"""From what pydantic finds to faults with places."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from xdistill.errors import Fault
from xdistill.recipe.fields import field_at, names_at
from xdistill.recipe.nodes import MappingNode, TreePath, locate, possible_part
from xdistill.recipe.wording import is_echo, worded

NamesAt = Callable[[TreePath], Iterable[str]]


def describe(
    error: ValidationError, *, model: type[BaseModel] | None = None, names: NamesAt | None = None
) -> list[tuple[TreePath, str]]:
    """Places and messages of what pydantic found, places counted from what was validated.

    Args:
        error: what ``Config.model_validate`` raised.
        model: the validated model, for descriptions and "did you mean".
        names: the fields at a place, for places that ``model`` does not know, such as settings of components.
    """
    return [
        (_place(details), _message(details, model, names))
        for details in error.errors(include_url=False)
        if not is_echo(details)
    ]


def faults_of(
    error: ValidationError,
    root: MappingNode,
    *,
    at: TreePath = (),
    model: type[BaseModel] | None = None,
    names: NamesAt | None = None,
) -> list[Fault]:
    """The faults in a tree that pydantic found in the part at ``at``; an unknown field's fault points at its name."""
    unknown = {_place(details) for details in error.errors(include_url=False) if details["type"] == "extra_forbidden"}
    return [
        fault_at(root, (*at, *place), message, key=place in unknown)
        for place, message in describe(error, model=model, names=names)
    ]


def fault_at(root: MappingNode, path: TreePath, message: str, *, key: bool = False) -> Fault:
    """A fault at a place of a tree; see `LoadedRecipe.fault`."""
    return locate(root, path, key=key).fault(message, possible_part(root, path))


def _place(details: ErrorDetails) -> TreePath:
    # A validator that looks at several fields at once says in its context which place below its own it means.
    return (*details["loc"], *(details.get("ctx") or {}).get("place", ()))


def _message(details: ErrorDetails, model: type[BaseModel] | None, names: NamesAt | None) -> str:
    place = _place(details)
    info = field_at(model, place) if model else None
    known: Iterable[str] = names_at(model, place[:-1]) if model else ()
    if not known and names is not None:
        known = names(place[:-1])
    return worded(details, description=(info.description or "") if info else "", known=known)
