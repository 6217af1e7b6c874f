"""Temporary folders of requests, and what servers left that were killed."""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

PREFIX = "xdistill-serve-"
_NAME = re.compile(rf"{PREFIX}(\d+)-(\d+)-\w+")


def folder_prefix() -> str:
    """What the names of this process's folders begin with: its namespace of process ids, and its id."""
    return f"{PREFIX}{_namespace()}-{os.getpid()}-"


def remove_stale_folders() -> int:
    """Remove folders of requests whose server has ended; returns how many.

    Only folders of this user, of this namespace of process ids (containers may share the folder for temporary files),
    and of processes that do not exist are removed. Links are not followed.
    """
    if os.name != "posix":
        return 0
    removed = 0
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        found = _NAME.fullmatch(path.name)
        if found is None or int(found[1]) != _namespace() or _exists(int(found[2])) or not _is_own_folder(path):
            continue
        shutil.rmtree(path, ignore_errors=True)
        removed += not path.exists()
    return removed


def _namespace() -> int:
    """A number that processes which see the same process ids share; 0 where systems have no such namespaces."""
    with suppress(OSError):
        return Path("/proc/self/ns/pid").stat().st_ino
    return 0


def _exists(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _is_own_folder(path: Path) -> bool:
    try:
        found = path.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
