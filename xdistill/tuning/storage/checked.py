"""A journal whose lines carry checksums, each over its line and all lines before it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Generator
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

from optuna.storages.journal import BaseJournalBackend

from xdistill.errors import UserError
from xdistill.tuning.storage.journal import OPERATION, FileLock

_SUMMED: Final = re.compile(rb'(?P<body>\{.*),"sum":"(?P<sum>[0-9a-f]{16})"\}', re.DOTALL)


class _Mark(NamedTuple):
    """Where a line begins, and what stands for all lines before it."""

    offset: int = 0
    before: str = ""


class CheckedJournal(BaseJournalBackend):
    """Optuna's journal, of which a changed, missing or exchanged line is an error.

    Each line is what Optuna writes, with one more field, ``sum``: the first 16 hexadecimal digits of the SHA-256 of the
    sum before and this line. Optuna reads the lines as before. Lines without a sum, which Optuna itself or an earlier
    version of xdistill wrote, are taken as they are; the next sum covers them.

    Args:
        path: of the file, which is made where there is none.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = FileLock(path)
        self._marks = [_Mark()]  # of line 0, 1, ...
        path.touch()

    def read_logs(self, log_number_from: int) -> Generator[dict[str, Any], None, None]:
        """The lines from one on, as data.

        Raises:
            UserError: naming the first line that is damaged.
        """
        number = min(log_number_from, len(self._marks) - 1)
        with self._path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size  # what others append meanwhile is left for the next time
            file.seek(self._marks[number].offset)
            for line in file:
                if file.tell() > size or not self._is_whole(line, number):
                    return
                log = self._checked(line, number)
                number += 1
                if number > log_number_from:
                    yield log

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Write lines, behind those that others have written."""
        self._lock.acquire()
        try:
            for _ in self.read_logs(len(self._marks) - 1):
                pass
            before, lines = self._marks[-1].before, b""
            for log in logs:
                body = json.dumps(log, separators=(",", ":")).encode().removesuffix(b"}")
                before = _sum(before, body)
                lines += body + f',"sum":"{before}"}}\n'.encode()
            with self._path.open("ab") as file:
                file.write(lines)
                file.flush()
                os.fsync(file.fileno())
        finally:
            self._lock.release()

    def _is_whole(self, line: bytes, number: int) -> bool:
        """Whether a line has its end; one of a writer that died has none.

        Raises:
            UserError: if another byte stands where the end belongs.
        """
        if line.endswith(b"\n"):
            return True
        if _SUMMED.fullmatch(line[:-1]):
            raise self._damaged(number)
        return False

    def _checked(self, line: bytes, number: int) -> dict[str, Any]:
        """A line as data, whose checksum is right; remembers where the next one begins."""
        mark, text = self._marks[number], line.removesuffix(b"\n")
        found = _SUMMED.fullmatch(text)
        total = _sum(mark.before, found["body"] if found else text)
        try:
            log = json.loads(text)
        except (ValueError, RecursionError):
            log = None
        if not isinstance(log, dict) or OPERATION not in log or (found and found["sum"].decode() != total):
            raise self._damaged(number)
        if number + 1 == len(self._marks):
            self._marks.append(_Mark(mark.offset + len(line), total))
        return log

    def _damaged(self, number: int) -> UserError:
        return UserError(
            f"{self._path}: line {number + 1} is damaged, or one before it was changed or removed: its checksum does "
            f"not match. Restore the file from a copy; or remove it, and the search starts again"
        )


def _sum(before: str, body: bytes) -> str:
    return sha256(before.encode() + body).hexdigest()[:16]
