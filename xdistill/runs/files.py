"""Files that are either complete or absent: write to a temporary file, flush it to disk, move it into place."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from xdistill.errors import RunError
from xdistill.runs.temporary import temporary_path
from xdistill.untrusted import JSON
from xdistill.untrusted import read_json as read_untrusted

RUNS = "--runs"  # the option that names the folder of all runs


@contextmanager
def explained(path: Path, *, option: str = RUNS) -> Iterator[None]:
    """Turn errors of the operating system into a `RunError` that says what to do.

    Args:
        path: what is written.
        option: of the command line, which names its folder.
    """
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            reason = f"the disk is full; free some space, or choose another folder with {option}"
        elif error.errno in {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST}:
            reason = f"the folder cannot be written ({error.strerror}); choose another with {option}"
        else:
            reason = str(error)
        then = "Finished folds are kept; rerun the command to resume" if option == RUNS else "Then rerun the command"
        raise RunError(f"{path}: {reason}. {then}") from error


@contextmanager
def written_whole(path: Path, *, option: str = RUNS) -> Iterator[Path]:
    """Yield a temporary path to write to; at the end the file is flushed to disk and moved to ``path``.

    Raises:
        RunError: if the disk is full or the folder cannot be written; no partial file is left.
    """
    with explained(path, option=option):
        temporary = temporary_path(path)
        try:
            yield temporary
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
            _sync_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str, *, option: str = RUNS) -> None:
    """Write a text file completely or not at all.

    Raises:
        RunError: if the disk is full or the folder cannot be written.
    """
    with written_whole(path, option=option) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, data: Any, *, option: str = RUNS) -> None:
    """Write a JSON file completely or not at all; see `write_text`."""
    write_text(path, json.dumps(data, indent=2, ensure_ascii=False) + "\n", option=option)


def read_json(path: Path, *, links: bool = True) -> Any:
    """Read a JSON file.

    Args:
        path: of the file.
        links: whether symbolic links are followed.

    Raises:
        RunError: for a file that is missing, not JSON, not a regular file, or too large.
    """
    return read_untrusted(path, JSON, error=RunError, links=links)


def make_folder(path: Path, *, option: str = RUNS) -> None:
    """Create a folder and its parents.

    Raises:
        RunError: if that is not possible.
    """
    with explained(path, option=option):
        path.mkdir(parents=True, exist_ok=True)


def move_folder(source: Path, target: Path, *, option: str = RUNS) -> None:
    """Flush the files of a finished folder to disk and move it into place."""
    with explained(target, option=option):
        for file in source.iterdir():
            with file.open("rb") as opened:
                os.fsync(opened.fileno())
        source.replace(target)
        _sync_folder(target.parent)


def _sync_folder(path: Path) -> None:
    """Flush the folder's directory entries to disk, so that renamed files survive a power failure."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
