"""Reads the headers of all files of a folder, several at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from xdistill.errors import DataError
from xdistill_dicom.extra import pydicom, quiet
from xdistill_dicom.header import Header
from xdistill_dicom.parse import read_header

_AT_ONCE = 1024  # files that the threads receive together, so that memory stays bounded


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
        jobs: files that are read at the same time; None: four, or the number of cores if there are fewer.
        on_progress: called with how many are read and how many there are.

    Raises:
        UserError: if pydicom is not installed.
    """
    pydicom()
    headers: list[Header] = []
    left = iter(files)
    done = 0
    with quiet(), ThreadPoolExecutor(jobs or threads()) as pool:
        while batch := list(islice(left, _AT_ONCE)):
            for header in pool.map(read_header, batch):
                done += 1
                if header is not None:
                    headers.append(header)
                if on_progress is not None:
                    on_progress(done, len(files))
    return Scan(tuple(headers), len(files) - len(headers))


def threads() -> int:
    """Threads that read files."""
    return min(4, os.cpu_count() or 1)
