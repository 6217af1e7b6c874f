"""A recipe that was read and checked, and that still knows where each of its values was written."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from xdistill.errors import Fault
from xdistill.recipe.fields import field_at, names_at
from xdistill.recipe.nodes import MappingNode, TreePath, dotted, known_part, locate, to_plain
from xdistill.recipe.schema import Recipe
from xdistill.recipe.wording import is_echo, worded

NamesAt = Callable[[TreePath], Iterable[str]]


@dataclass(frozen=True)
class LoadedRecipe:
    """A recipe with its origins.

    Attributes:
        recipe: the checked recipe; component settings are still as they were written.
        source: the file as the user knows it; empty for recipes made in Python.
        root: every value with its origin, after `extends`, profile and overrides.
        profile: the chosen profile.
        files: all files that were read, the recipe itself first and the base of all last.
    """

    recipe: Recipe
    source: str
    root: MappingNode = field(repr=False)
    profile: str | None = None
    files: tuple[Path, ...] = ()

    def tree(self) -> dict[str, Any]:
        """The recipe as plain data after `extends`, profile and overrides, without any default filled in."""
        plain: dict[str, Any] = to_plain(self.root)
        return plain

    def fault(self, path: TreePath, message: str, *, key: bool = False) -> Fault:
        """A fault at a place, with the position of its nearest ancestor that was written.

        Args:
            path: field names and list indices from the root, such as ``("stages", 0, "objective", 1, "taps")``.
            message: what is wrong and what to do.
            key: point at the field's name instead of its value, as for a field that should not be there.
        """
        return locate(self.root, path, key=key).fault(message, path)

    def faults(
        self,
        error: ValidationError,
        *,
        at: TreePath = (),
        model: type[BaseModel] | None = None,
        names: NamesAt | None = None,
    ) -> list[Fault]:
        """The faults that pydantic found in a part of the recipe, such as a component's settings.

        Args:
            error: what ``Config.model_validate`` raised.
            at: the place of that part.
            model: the Config, for descriptions and "did you mean".
            names: the fields at a place below ``at``, for places that ``model`` does not know.
        """
        return faults_of(error, self.root, at=at, model=model, names=names)


def faults_of(
    error: ValidationError,
    root: MappingNode,
    *,
    at: TreePath = (),
    model: type[BaseModel] | None = None,
    names: NamesAt | None = None,
) -> list[Fault]:
    """See `LoadedRecipe.faults`; in the order in which the recipe is written."""
    found = [
        _fault(details, root, at, model, names) for details in error.errors(include_url=False) if not is_echo(details)
    ]
    return sorted(found, key=lambda fault: (fault.source, fault.line, fault.column))


def _fault(
    details: ErrorDetails, root: MappingNode, at: TreePath, model: type[BaseModel] | None, names: NamesAt | None
) -> Fault:
    below: TreePath = (*details["loc"], *(details.get("ctx") or {}).get("place", ()))
    known: Iterable[str] = ()
    description = ""
    if model is not None:
        info = field_at(model, below)
        description = (info.description or "") if info else ""
        known = names_at(model, below[:-1])
    if not known and names is not None:
        known = names(below[:-1])
    message = worded(details, description=description, known=known)
    return _placed(message, root, (*at, *below), details["type"])


def _placed(message: str, root: MappingNode, path: TreePath, kind: str) -> Fault:
    origin = locate(root, path, key=kind == "extra_forbidden")
    known = known_part(root, path)
    if kind == "missing" and len(known) == len(path) - 1:
        known = path
    # Pydantic adds steps of its own, such as the member of a union; only what the recipe holds is shown.
    return Fault(message, dotted(known), origin.source, origin.line, origin.column)
