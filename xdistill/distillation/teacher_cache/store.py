"""The folder in which trained teachers are kept for other runs; it may be deleted at any time.

Each file is named by the hash of everything that decides its content. Files are renamed into place when complete, and
checked when they are read. An error of the folder is reported, and the run continues without the cache: it only saves
time, the whole of a teacher's stage (0.01 of its time on a second run).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError

from xdistill.data.lock import exclusive
from xdistill.errors import RunError
from xdistill.runs.temporary import sweep, temporary_path

FOLDER = "teacher_cache"
DAMAGED = (OSError, ValueError, KeyError, RuntimeError, SafetensorError)  # raised by readers of damaged files
_MEGABYTE = 2**20
T = TypeVar("T")


@dataclass
class TeacherCache:
    """The teacher cache as one fold uses it.

    Attributes:
        folder: of all teachers.
        about: what decides a teacher besides its stages: see `xdistill.distillation.teacher_cache.key`.
        disk_mb: largest size of the folder.
        warnings: errors that were not reported yet.
        writable: False after a failed write.
        grew: whether a file was written since the folder was trimmed.
    """

    folder: Path
    about: Mapping[str, Any]
    disk_mb: int
    warnings: list[str] = field(default_factory=list)
    writable: bool = True
    grew: bool = False

    def teacher(self, key: str) -> Path:
        """The file of a trained teacher."""
        return self.folder / "teachers" / f"{key}.safetensors"

    @contextmanager
    def one_at_a_time(self, key: str) -> Iterator[None]:
        """Let other processes that need the same teacher wait; without working locks, none waits."""
        with contextlib.ExitStack() as stack:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                stack.enter_context(exclusive(self.folder / f".{key}.lock"))
            except OSError as error:
                self._not_writable(error)
            yield

    def write(self, path: Path, data: bytes) -> None:
        """Write a file whole; after a failure nothing more is written."""
        if not self.writable:
            return
        temporary = temporary_path(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            sweep(path.parent)
            try:
                temporary.write_bytes(data)
                temporary.replace(path)
                self.grew = True
            finally:
                temporary.unlink(missing_ok=True)
        except OSError as error:
            self._not_writable(error)

    def used(self, path: Path) -> None:
        """Mark a file as used, so that others are removed before it."""
        with contextlib.suppress(OSError):
            os.utime(path)

    def read(self, path: Path, parse: Callable[[Path], T], damaged: str) -> T | None:
        """The content of a file; None if there is none, or if it is damaged and was removed.

        Args:
            path: of the file.
            parse: returns its content; raises one of `DAMAGED` if that is not what was written.
            damaged: the message in that case.
        """
        if not path.is_file():
            return None
        try:
            content = parse(path)
        except DAMAGED as error:
            self.refuse(path, f"{damaged} ({error})")
            return None
        self.used(path)
        return content

    def refuse(self, path: Path, why: str) -> None:
        """Remove a damaged file and add a warning."""
        self.warnings.append(f"{path}: {why}; it is computed again")
        with contextlib.suppress(OSError):
            path.unlink()

    def trim(self) -> None:
        """If the folder grew beyond its size, remove the least recently used files."""
        if not self.grew:
            return
        self.grew = False
        files = sorted(cached_files(self.folder), key=lambda file: file.used)
        excess = sum(file.size for file in files) - self.disk_mb * _MEGABYTE
        for file in files:
            if excess <= 0:
                return
            with contextlib.suppress(OSError):
                file.path.unlink()
                excess -= file.size

    def _not_writable(self, error: OSError) -> None:
        self.writable = False
        self.warnings.append(
            f"{self.folder}: cannot be written ({error.strerror or error}); the run continues without the cache"
        )


def clear(folder: Path) -> None:
    """Remove everything.

    Raises:
        RunError: if a file cannot be removed.
    """
    for file in cached_files(folder):
        try:
            file.path.unlink(missing_ok=True)
        except OSError as error:
            raise RunError(
                f"{file.path}: cannot be removed ({error.strerror or error}); the files before it were removed"
            ) from error


@dataclass(frozen=True)
class CachedFile:
    """A file of the folder; ``used`` in seconds since the epoch, ``size`` in bytes."""

    path: Path
    used: float
    size: int


def cached_files(folder: Path) -> Iterator[CachedFile]:
    """All files of the folder, also those left by killed writers, and outputs that earlier versions kept."""
    for place in ("teachers", "outputs"):
        for path in (folder / place).rglob("*"):
            with contextlib.suppress(OSError):
                facts = path.stat()
                if path.is_file():
                    yield CachedFile(path, facts.st_mtime, facts.st_size)
