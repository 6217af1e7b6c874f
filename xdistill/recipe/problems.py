"""From pydantic's errors to problems with positions."""

from __future__ import annotations

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from xdistill.errors import Problem
from xdistill.recipe.schema.fields import ConfigOf, model_at
from xdistill.recipe.schema.recipe import STAGE_TAGS
from xdistill.recipe.wording import is_echo, worded
from xdistill.recipe.yaml.nodes import MappingNode, TreePath, locate, node_at, possible_part, to_plain

UNKNOWN_COMPONENT = "unknown_component"  # the error type of a block whose component does not exist


def problems_of(
    error: ValidationError,
    root: MappingNode,
    *,
    at: TreePath = (),
    model: type[BaseModel] | None = None,
    config_of: ConfigOf | None = None,
) -> list[Problem]:
    """The problems that pydantic found in the part of a tree at the path ``at``; see `LoadedRecipe.problems`."""
    node = node_at(root, at)
    value = to_plain(node) if node else None
    problems = []
    for details in error.errors(include_url=False):
        if not is_echo(details):
            place = _place(details)
            owner = model_at(model, place[:-1], value, config_of) if model else None
            key = details["type"] == "extra_forbidden"
            problems.append(problem_at(root, (*at, *place), _message(details, place, owner), key=key))
    return problems


def problem_at(root: MappingNode, path: TreePath, message: str, *, key: bool = False) -> Problem:
    """A problem at a path in a tree; see `LoadedRecipe.problem`."""
    return locate(root, path, key=key).problem(message, possible_part(root, path))


def _place(details: ErrorDetails) -> TreePath:
    place = _without_tags(details["loc"])
    if details["type"] == UNKNOWN_COMPONENT:
        return (*place, "use")
    # A validator of several fields states in its context which path below its own it means.
    return (*place, *(details.get("ctx") or {}).get("place", ()))


def _without_tags(place: TreePath) -> TreePath:
    """The path in the recipe, without the kind of stage that pydantic inserts after an item of `stages`."""
    tagged = place[:1] == ("stages",) and place[2:3] and place[2] in STAGE_TAGS
    return place[:2] + place[3:] if tagged else place


def _message(details: ErrorDetails, place: TreePath, owner: type[BaseModel] | None) -> str:
    fields = owner.model_fields if owner else {}
    info = fields.get(str(place[-1])) if place else None
    return worded(details, description=(info.description or "") if info else "", known=fields)
