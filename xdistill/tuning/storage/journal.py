"""A journal file: its lock, which dies with its holder, and whether a file is one."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path

from optuna.storages.journal._file import BaseJournalFileLock

OPERATION = "op_code"  # what every line of a journal holds


def is_journal(path: Path) -> bool:
    """Whether a file is a journal, or empty, or not there yet: other files are left as they are.

    Raises:
        OSError: when it cannot be read.
    """
    if not path.exists():
        return True
    with path.open("rb") as file:
        first = file.readline()
    if not first.endswith(b"\n"):
        return not first or first.startswith(b"{")  # half a line of a writer that died
    try:
        entry = json.loads(first)
    except (ValueError, RecursionError):
        return False
    return isinstance(entry, dict) and OPERATION in entry


class FileLock(BaseJournalFileLock):
    """A lock of the operating system next to a journal, which dies with its holder however that ends.

    Optuna's own lock files stay behind when a process is killed. The holder of this lock also removes half a
    line that a writer left when the machine went down.
    """

    def __init__(self, path: Path) -> None:
        self._journal = path
        self._path = path.with_name(f".{path.name}.lock")
        self._held: list[int] = []

    def acquire(self) -> bool:
        """Wait for the lock."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        self._held.append(descriptor)
        _mend(self._journal)
        return True

    def release(self) -> None:
        """Let go of the lock."""
        os.close(self._held.pop())


def _mend(journal: Path) -> None:
    """Cut a journal behind its last whole line."""
    if not journal.exists():
        return
    with journal.open("rb+") as file:
        size = end = file.seek(0, os.SEEK_END)
        while end > 0:
            begin = max(0, end - 65536)
            file.seek(begin)
            place = file.read(end - begin).rfind(b"\n")
            if place >= 0:
                end = begin + place + 1
                break
            end = begin
        if end < size:
            file.truncate(end)
