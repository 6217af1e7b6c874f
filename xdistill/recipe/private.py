"""A resolved recipe for others to read: without the places of files on this machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from xdistill.recipe.environment import is_path_field


def without_places(value: Any, folder: Path | None, field: str = "") -> Any:
    """A resolved recipe in which absolute paths are relative to the recipe's folder, or only names outside of it.

    Args:
        value: the recipe, or a part of it.
        folder: of the recipe's file; None: it has none.
        field: the name of the part.
    """
    if isinstance(value, Mapping):
        return {name: without_places(item, folder, str(name)) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_places(item, folder, field) for item in value]
    if isinstance(value, str) and is_path_field(field) and os.path.isabs(value):  # noqa: PTH117 - text, not a file
        path = Path(value)
        return path.relative_to(folder).as_posix() if folder and path.is_relative_to(folder) else path.name
    return value
