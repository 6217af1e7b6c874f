"""Temporary files: names that say who writes them, and removal of those whose writer has ended."""

from __future__ import annotations

import os
import re
import shutil
import socket
import time
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

OLD: Final = 86_400.0  # seconds after which a file of another machine, or of an earlier version, counts as left behind
_NAME: Final = re.compile(r"\.(?P<name>.+)\.(?:(?P<machine>[0-9a-f]{8})-)?(?P<process>[0-9]+)\.(?P<suffix>tmp|new|old)")


def temporary_path(path: Path, suffix: str = "tmp") -> Path:
    """A hidden path next to ``path`` for this process to write to, before it is moved to ``path``."""
    return path.with_name(f".{path.name}.{_machine()}-{os.getpid()}.{suffix}")


def sweep(*folders: Path, name: str | None = None) -> int:
    """Remove temporary files and folders whose writer has ended.

    Those of a running process are kept, and those of other machines, which may share the folder, until they are a day
    old. A process id that another process has by now keeps a file until that ends.

    Args:
        folders: that are looked into, not below.
        name: of the file that was to be written; None: any.

    Returns:
        How many were removed.
    """
    return sum(
        _removed(path)
        for folder in folders
        for path in _entries(folder)
        if path.suffix != ".old" and _left_behind(path, name)
    )


def put_back(path: Path) -> None:
    """Put back a folder that a process was replacing when it was killed; remove it if its successor is in place."""
    for old in _entries(path.parent):
        if old.suffix == ".old" and _left_behind(old, path.name):
            if path.exists():
                _removed(old)
            else:
                old.replace(path)


def sweep_run(folder: Path) -> int:
    """The same for the folder of a run and all of its folds."""
    return sweep(folder, folder / "folds", *(path for path in _entries(folder / "folds") if path.is_dir()))


def _entries(folder: Path) -> Iterable[Path]:
    with suppress(OSError):
        return list(folder.iterdir())
    return ()


def _left_behind(path: Path, name: str | None) -> bool:
    found = _NAME.fullmatch(path.name)
    if found is None or (name is not None and found["name"] != name):
        return False
    if found["machine"] == _machine():
        return not _lives(int(found["process"]))
    with suppress(OSError):
        return time.time() - path.lstat().st_mtime > OLD
    return False


def _removed(path: Path) -> bool:
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
        return True
    return False


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


@cache
def _machine() -> str:
    """What tells processes that see the same process ids from others: host name and namespace."""
    namespace = 0
    with suppress(OSError):
        namespace = Path("/proc/self/ns/pid").stat().st_ino
    return sha256(f"{socket.gethostname()}/{namespace}".encode()).hexdigest()[:8]
