"""Reads the headers of all files of a folder, in worker processes if there are thousands."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from xdistill.errors import DataError, WorkerDiedError
from xdistill.workers import cores, run_tasks
from xdistill_dicom.reading.extra import pydicom, quiet
from xdistill_dicom.reading.header import Header
from xdistill_dicom.reading.parse import read_file

Batches = Generator[tuple[int, list[Sequence[Header]]], None, None]

_AT_ONCE = 256  # files that are read between two reports of progress
_WORTH_WORKERS = 4096  # files; starting workers takes as long as reading some thousand


@dataclass(frozen=True)
class Scan:
    """The headers of a folder.

    Attributes:
        headers: by path.
        other: files of another format.
    """

    headers: tuple[Header, ...]
    other: int


def files_below(folder: Path) -> list[Path]:
    """All files of a folder and its folders, sorted; hidden ones are left out.

    Raises:
        DataError: if the folder is missing or cannot be listed.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: {'is a file; name its folder' if folder.exists() else 'no such folder'}")
    found: list[Path] = []

    def stop(error: OSError) -> None:
        raise DataError(f"{error.filename}: cannot be listed ({error.strerror})") from error

    for place, folders, names in os.walk(folder, onerror=stop):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found.extend(Path(place, name) for name in names if not name.startswith("."))
    return sorted(found)


def scan(
    files: Sequence[Path], *, jobs: int | None = None, on_progress: Callable[[int, int], None] | None = None
) -> Scan:
    """The headers of these files.

    Args:
        files: of any format.
        jobs: worker processes, where there are thousands of files; None: one per core.
        on_progress: called with how many are read and how many there are.

    Raises:
        UserError: if pydicom is not installed.
        WorkerDiedError: if a worker process was killed.
    """
    pydicom()
    pieces = [tuple(files[first : first + _AT_ONCE]) for first in range(0, len(files), _AT_ONCE)]
    workers = min(jobs or cores(), len(pieces))
    several = workers > 1 and len(files) >= _WORTH_WORKERS
    found: dict[int, list[Sequence[Header]]] = {}
    done = 0
    with closing(_in_processes(pieces, workers) if several else _one_by_one(pieces)) as batches:
        for number, headers in batches:
            found[number] = headers
            done += len(pieces[number])
            if on_progress is not None:
                on_progress(done, len(files))
    held = [headers for number in sorted(found) for headers in found[number] if headers]
    return Scan(tuple(header for headers in held for header in headers), len(files) - len(held))


def threads() -> int:
    """Threads that read files."""
    return min(4, cores())


def read_headers(files: Sequence[Path]) -> Iterator[list[Sequence[Header]]]:
    """The headers of each of some files, in one piece; runs in worker processes."""
    with quiet():
        yield list(map(read_file, files))


def _one_by_one(pieces: Sequence[Sequence[Path]]) -> Batches:
    with quiet():
        for number, piece in enumerate(pieces):
            yield number, list(map(read_file, piece))


def _in_processes(pieces: Sequence[Sequence[Path]], count: int) -> Batches:
    """Parsing headers keeps a core busy, which threads cannot share."""
    for message in run_tasks(f"{__name__}:{read_headers.__name__}", pieces, workers=count):
        if message.kind == "event":
            yield message.task, message.value
        elif message.kind == "failed":
            raise message.value
        elif message.kind == "died":
            raise WorkerDiedError("a worker process was killed while reading headers; reduce --jobs")
