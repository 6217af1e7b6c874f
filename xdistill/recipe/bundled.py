"""The recipes that come with xdistill, found by bare names such as ``mvi_hcc`` or ``baselines/kd``."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from xdistill.recipe.files import is_file

ENDINGS = (".yaml", ".yml")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")


@cache
def bundled_folder() -> Path | None:
    """Where the bundled recipes are: inside the installed package, or next to it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "_recipes", package.parent / "recipes"):
        if folder.is_dir():
            return folder
    return None


def bundled_names() -> tuple[str, ...]:
    """All bundled recipes, sorted."""
    folder = bundled_folder()
    if folder is None:
        return ()
    return tuple(sorted(path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.yaml")))


def find_bundled(name: str) -> Path | None:
    """The file of a bundled recipe; None when there is none of this name."""
    folder = bundled_folder()
    if folder is None or not _NAME.fullmatch(name):
        return None
    path = folder / f"{name}.yaml"
    return path if is_file(path) else None


def has_ending(name: str) -> bool:
    """Whether a name is that of a file rather than of a bundled recipe."""
    return name.endswith(ENDINGS)
