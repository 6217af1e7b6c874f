"""Reading a recipe file as text."""

from __future__ import annotations

import os
from pathlib import Path

from xdistill.errors import DataError, Problem
from xdistill.recipe.yaml.syntax import line_and_column
from xdistill.untrusted import open_regular

LARGEST_FILE = 256 * 1024  # bytes; a long recipe has ten thousand


class UnreadableError(Exception):
    """A file that cannot be read as text."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.message)


def read_text(path: Path, source: str) -> str:
    """The text of a recipe file.

    Args:
        path: the file.
        source: its name in problems.

    Raises:
        UnreadableError: for a file that is missing, too large, or not UTF-8.
    """
    try:
        with open_regular(path) as file:
            content = file.read(LARGEST_FILE + 1)
    except DataError as error:
        why = str(error).removeprefix(f"{path}: cannot be read: ")
        raise UnreadableError(Problem(f"cannot read the file: {why}", "", source)) from None
    except OSError as error:
        raise UnreadableError(Problem(f"cannot read the file: {error.strerror or error}", "", source)) from None
    if len(content) > LARGEST_FILE:
        message = f"the file is larger than {LARGEST_FILE // 1024} KiB, the limit for a recipe"
        raise UnreadableError(Problem(message, "", source))
    try:
        return content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8").removeprefix("\ufeff")
        line, column = line_and_column(before, len(before))
        message = f"the file is not UTF-8 (invalid byte 0x{content[error.start]:02x}); save it as UTF-8"
        raise UnreadableError(Problem(message, "", source, line, column)) from None


def is_file(path: Path) -> bool:
    """Whether a path is that of a file; False for one that no file can have, such as a name that is too long."""
    return os.path.isfile(path)  # noqa: PTH113 - Path.is_file raises for such names


def is_folder(path: Path) -> bool:
    """Whether a path is that of a folder; False for one that none can have."""
    return os.path.isdir(path)  # noqa: PTH112 - likewise


def shown(path: Path) -> str:
    """A file's name in messages: relative to the working directory when it is inside it."""
    try:
        return path.resolve().relative_to(Path.cwd()).as_posix()
    except ValueError:
        return str(path)


def names_in_folder_of(path: Path) -> list[str]:
    """The recipe files in the folder of a file that does not exist."""
    try:
        return sorted(other.name for other in path.parent.iterdir() if other.suffix in {".yaml", ".yml"})
    except OSError:
        return []
