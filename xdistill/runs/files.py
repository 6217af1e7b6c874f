"""Files that are either whole or not there: write beside, flush to disk, move into place."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from xdistill.errors import RunError


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what the operating system says about a path into a `RunError` that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            reason = "the disk is full; free some space, or choose another folder with --runs"
        elif error.errno in {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST}:
            reason = f"the folder cannot be written ({error.strerror}); choose another with --runs"
        else:
            reason = str(error)
        raise RunError(f"{path}: {reason}. What was finished before is kept; the same command goes on") from error


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A path beside ``path`` to write to; what was written is flushed to disk and moved into place at the end.

    Raises:
        RunError: when the disk is full or the folder cannot be written; nothing is left then.
    """
    with explained(path):
        beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            yield beside
            with beside.open("rb") as file:
                os.fsync(file.fileno())
            beside.replace(path)
            _sync_folder(path.parent)
        finally:
            beside.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all.

    Raises:
        RunError: when the disk is full or the folder cannot be written.
    """
    with written_whole(path) as beside:
        beside.write_text(text, encoding="utf-8")


def write_json(path: Path, data: Any) -> None:
    """Write a JSON file whole or not at all; see `write_text`."""
    write_text(path, json.dumps(data, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        RunError: when it is missing or no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise RunError(f"{path}: cannot be read: {error}") from error


def make_folder(path: Path) -> None:
    """Create a folder and its parents.

    Raises:
        RunError: when that is not possible.
    """
    with explained(path):
        path.mkdir(parents=True, exist_ok=True)


def move_folder(source: Path, target: Path) -> None:
    """Move a finished folder into place, with its files flushed to disk first."""
    with explained(target):
        for file in source.iterdir():
            with file.open("rb") as opened:
                os.fsync(opened.fileno())
        source.replace(target)
        _sync_folder(target.parent)


def _sync_folder(path: Path) -> None:
    """Flush the folder's list of names to disk, so that what was moved into place is there after a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
