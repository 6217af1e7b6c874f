"""Checksums of the files of a folder, written last, so that a file that changes afterwards is found by name."""

from __future__ import annotations

import stat
from collections.abc import Collection, Iterable
from hashlib import sha256
from pathlib import Path
from typing import Final

from xdistill.errors import RunError
from xdistill.runs.files import read_json, write_json
from xdistill.untrusted import open_regular

CHECKSUMS: Final = "checksums.json"
_BLOCK: Final = 2**20


def digest(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    hashed = sha256()
    with open_regular(path, error=RunError) as file:
        while block := file.read(_BLOCK):
            hashed.update(block)
    return hashed.hexdigest()


def write_checksums(folder: Path, names: Iterable[str]) -> None:
    """Write ``checksums.json``: the SHA-256 of files by their path within the folder.

    Raises:
        RunError: if a file or the folder cannot be read or written.
    """
    try:
        sums = {name: digest(folder / name) for name in sorted(names)}
    except OSError as error:
        raise RunError(f"{folder}: cannot be read: {error}") from error
    write_json(folder / CHECKSUMS, {"sha256": sums})


def check_sums(folder: Path, *, required: Collection[str], skip: Collection[str] = ()) -> None:
    """Compare files with the checksums that were written when they were finished.

    Args:
        folder: with ``checksums.json``.
        required: files that have to be listed.
        skip: endings of files that are not read.

    Raises:
        RunError: naming the first file that is missing, changed, or not listed.
    """
    sums = _read(folder / CHECKSUMS)
    for name in required:
        if name not in sums:
            raise RunError(f"{folder / CHECKSUMS}: has no checksum of {name}")
    for name, value in sums.items():
        if name.endswith(tuple(skip)):
            continue
        path = folder / name
        try:
            changed = not stat.S_ISREG(path.lstat().st_mode) or digest(path) != value
        except FileNotFoundError:
            raise RunError(f"{path}: the file is missing") from None
        except OSError as error:
            raise RunError(f"{path}: cannot be read: {error.strerror or error}") from None
        if changed:
            raise RunError(f"{path}: the file has changed since it was written (its SHA-256 differs)")


def check_sum_of(folder: Path, name: str) -> None:
    """Compare one file with its checksum.

    Raises:
        RunError: if it is missing, changed, or not listed.
    """
    if digest(folder / name) != _read(folder / CHECKSUMS).get(name):
        raise RunError(f"{folder / name}: the file has changed since it was written (its SHA-256 differs)")


def _read(path: Path) -> dict[str, str]:
    data = read_json(path)
    sums = data.get("sha256") if isinstance(data, dict) else None
    if not isinstance(sums, dict) or not all(isinstance(value, str) for value in sums.values()):
        raise RunError(f"{path}: is not a list of checksums")
    if any(Path(name).is_absolute() or ".." in Path(name).parts for name in sums):
        raise RunError(f"{path}: names a file outside of its folder")
    return sums
