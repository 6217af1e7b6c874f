"""What a record leaves out of a recipe: where files are on a user's machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from xdistill.recipe.environment import is_path_field


def without_folders(value: Any, field: str = "") -> Any:
    """A resolved recipe in which paths are only the names of their files.

    A path is text in a field that recipes know as one, and any text that begins at the root of a disk, in a user's
    home, or with ``file:``.
    """
    if isinstance(value, Mapping):
        return {name: without_folders(item, str(name)) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_folders(item, field) for item in value]
    if isinstance(value, str) and (is_path_field(field) or _is_absolute(value)):
        return PureWindowsPath(value).name  # which knows both kinds of slashes
    return value


def _is_absolute(text: str) -> bool:
    if "\n" in text:  # prose
        return False
    absolute = PurePosixPath(text).is_absolute() or PureWindowsPath(text).is_absolute()
    return absolute or text.startswith(("~/", "~\\", "file:"))
