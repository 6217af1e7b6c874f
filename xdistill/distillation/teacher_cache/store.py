"""The folder in which teachers, and what frozen ones say, are kept for other runs; it may vanish at any time.

What is kept lies in files named by the hash of everything that decides it, so a file is either what would be computed
or is not found. Files are written beside and moved into place, and checked when they are read. Whatever goes wrong with
the folder is told, and the run goes on without it: it only ever saves time.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from safetensors import SafetensorError

from xdistill.data.lock import exclusive
from xdistill.errors import RunError

FOLDER = "teacher_cache"
DAMAGED = (OSError, ValueError, KeyError, RuntimeError, SafetensorError)  # what readers of damaged files raise
_MEGABYTE = 2**20
T = TypeVar("T")


@dataclass
class TeacherCache:
    """What a fold keeps of its teacher, and finds of others'.

    Attributes:
        folder: of all teachers.
        about: what decides a teacher besides its stages: see `xdistill.distillation.teacher_cache.key`.
        outputs_mb: largest size of one stage's outputs.
        disk_mb: largest size of the folder.
        troubles: what went wrong and was not told yet.
        writable: whether things can be kept, as far as is known.
        grew: whether something was kept since the folder was trimmed.
    """

    folder: Path
    about: Mapping[str, Any]
    outputs_mb: int
    disk_mb: int
    troubles: list[str] = field(default_factory=list)
    writable: bool = True
    grew: bool = False

    def teacher(self, key: str) -> Path:
        """Where a trained teacher is kept."""
        return self.folder / "teachers" / f"{key}.safetensors"

    def outputs(self, key: str) -> Path:
        """Where outputs of a frozen teacher are kept."""
        return self.folder / "outputs" / key[:2] / f"{key}.h5"

    @contextmanager
    def one_at_a_time(self, key: str) -> Iterator[None]:
        """Let others who want the same wait until it is there; where there are no locks, nobody waits."""
        with contextlib.ExitStack() as stack:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                stack.enter_context(exclusive(self.folder / f".{key}.lock"))
            except OSError as error:
                self._not_writable(error)
            yield

    def keep(self, path: Path, data: bytes) -> None:
        """Move a file into place whole; a failure is a trouble, and then nothing more is kept."""
        if not self.writable:
            return
        beside = path.with_name(f".{path.name}.{uuid4().hex[:8]}.tmp")  # writers may be on several machines
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                beside.write_bytes(data)
                beside.replace(path)
                self.grew = True
            finally:
                beside.unlink(missing_ok=True)
        except OSError as error:
            self._not_writable(error)

    def used(self, path: Path) -> None:
        """Remember that a file was of use, so that others are removed before it."""
        with contextlib.suppress(OSError):
            os.utime(path)

    def found(self, path: Path, read: Callable[[Path], T], damaged: str) -> T | None:
        """What a file holds; None when there is none, or when it is refused.

        Args:
            path: of the file.
            read: gives what it holds; raises one of `DAMAGED` where that is not what was written.
            damaged: says so.
        """
        if not path.is_file():
            return None
        try:
            kept = read(path)
        except DAMAGED as error:
            self.refuse(path, f"{damaged} ({error})")
            return None
        self.used(path)
        return kept

    def refuse(self, path: Path, why: str) -> None:
        """Remove a file that is not what it should be, and tell."""
        self.troubles.append(f"{path}: {why}; it is made anew")
        with contextlib.suppress(OSError):
            path.unlink()

    def trim(self) -> None:
        """After it grew, remove what was not used for longest until the folder has the size that it may have."""
        if not self.grew:
            return
        self.grew = False
        files = sorted(kept_files(self.folder), key=lambda file: file.used)
        excess = sum(file.size for file in files) - self.disk_mb * _MEGABYTE
        for file in files:
            if excess <= 0:
                return
            with contextlib.suppress(OSError):
                file.path.unlink()
                excess -= file.size

    def _not_writable(self, error: OSError) -> None:
        self.writable = False
        self.troubles.append(
            f"{self.folder}: nothing can be kept there ({error.strerror or error}); the run goes on without"
        )


def clear(folder: Path) -> None:
    """Remove all that is kept.

    Raises:
        RunError: when something cannot be removed.
    """
    for file in kept_files(folder):
        try:
            file.path.unlink(missing_ok=True)
        except OSError as error:
            raise RunError(
                f"{file.path}: cannot be removed ({error.strerror or error}); what came before it is removed"
            ) from error


@dataclass(frozen=True)
class KeptFile:
    """A file of the folder; ``used`` in seconds since the epoch, ``size`` in bytes."""

    path: Path
    used: float
    size: int


def kept_files(folder: Path) -> Iterator[KeptFile]:
    """All that is kept, remains of writers that were killed included."""
    for place in ("teachers", "outputs"):
        for path in (folder / place).rglob("*"):
            with contextlib.suppress(OSError):
                facts = path.stat()
                if path.is_file():
                    yield KeptFile(path, facts.st_mtime, facts.st_size)
