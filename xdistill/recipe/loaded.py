"""A loaded and checked recipe that knows the position of each value."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from xdistill.errors import Problem
from xdistill.recipe.problems import problem_at, problems_of
from xdistill.recipe.schema.fields import ConfigOf
from xdistill.recipe.schema.recipe import Recipe
from xdistill.recipe.yaml.nodes import MappingNode, TreePath, to_plain


@dataclass(frozen=True)
class LoadedRecipe:
    """A recipe with its origins.

    Attributes:
        recipe: the checked recipe; component settings are not validated yet.
        source: the file name as the user wrote it; empty for recipes from Python.
        root: every value with its origin, after `extends`, profile and overrides.
        profile: the applied profile.
        files: all files that were read, the recipe first and its outermost base last.
    """

    recipe: Recipe
    source: str
    root: MappingNode = field(repr=False)
    profile: str | None = None
    files: tuple[Path, ...] = ()

    def tree(self) -> dict[str, Any]:
        """The recipe as plain data after `extends`, profile and overrides, without defaults."""
        plain: dict[str, Any] = to_plain(self.root)
        return plain

    def problem(self, path: TreePath, message: str, *, key: bool = False) -> Problem:
        """A problem at a path, with the position of the nearest ancestor in the file.

        Args:
            path: field names and list indices from the root, such as ``("stages", 0, "objective", 1, "taps")``.
            message: what is wrong and what to do.
            key: use the position of the field's name instead of its value, as for an unknown field.
        """
        return problem_at(self.root, path, message, key=key)

    def problems(
        self,
        error: ValidationError,
        *,
        at: TreePath = (),
        model: type[BaseModel] | None = None,
        config_of: ConfigOf | None = None,
    ) -> list[Problem]:
        """The problems that pydantic found in a part of the recipe, such as a component's settings.

        Args:
            error: what ``Config.model_validate`` raised.
            at: the path of that part.
            model: the Config, for descriptions and "did you mean".
            config_of: the settings of a nested component, from its annotation and its block; None for other
                annotations.
        """
        return problems_of(error, self.root, at=at, model=model, config_of=config_of)
