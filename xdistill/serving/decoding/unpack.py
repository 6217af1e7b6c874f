"""Unpacks uploaded files, with limits. It runs in the process that reads files."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from http import HTTPStatus
from pathlib import Path

from xdistill.serving.decoding.dicom import read_series
from xdistill.serving.decoding.job import UploadedFile
from xdistill.serving.limits import MB, Limits
from xdistill.serving.refusal import RefusedError

_BLOCK = MB
_IGNORED = ("__macosx/", ".ds_store", "dicomdir", "thumbs.db")


def unpack(folder: Path, files: tuple[UploadedFile, ...], limits: Limits) -> None:
    """Write the ``target`` of each file.

    Raises:
        RefusedError: for one that is damaged, or too large when it is unpacked.
    """
    left = limits.unpacked_bytes
    for file in files:
        stored, target = folder / file.stored, folder / file.target
        if file.stored.endswith(".nii.gz") and file.target.endswith(".nii"):
            left -= _gunzip(file.field, stored, target, left)
        elif file.stored.endswith(".zip"):
            left -= _series(file.field, stored, target, left, limits.archive_files)
        else:
            if file.stored.endswith(".npz"):
                left -= _declared(file.field, stored, left)
            stored.rename(target)


def _too_large(field: str) -> RefusedError:
    return RefusedError(
        f"the file of `{field}` holds too much when it is unpacked (see --max-unpacked-mb)",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    )


def _gunzip(field: str, stored: Path, target: Path, left: int) -> int:
    written = 0
    try:
        with gzip.open(stored, "rb") as source, target.open("wb") as file:
            while block := source.read(_BLOCK):
                written += len(block)
                if written > left:
                    raise _too_large(field)
                file.write(block)
    except (OSError, EOFError, zlib.error):
        raise RefusedError(f"the file of `{field}` is damaged or not a .nii.gz file") from None
    stored.unlink()
    return written


def _declared(field: str, stored: Path, left: int) -> int:
    """The size that an archive declares, beyond which it is not read."""
    try:
        with zipfile.ZipFile(stored) as archive:
            size = sum(item.file_size for item in archive.infolist())
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError):
        raise RefusedError(f"the file of `{field}` is damaged or not an archive") from None
    if size > left:
        raise _too_large(field)
    return size


def _series(field: str, stored: Path, target: Path, left: int, most: int) -> int:
    """Unpack a DICOM series; names in the archive are not used."""
    size = _declared(field, stored, left)
    folder = target.with_suffix(".series")
    folder.mkdir()
    try:
        with zipfile.ZipFile(stored) as archive:
            items = [item for item in archive.infolist() if not item.is_dir() and not _ignored(item.filename)]
            if len(items) > most:
                raise RefusedError(
                    f"the archive of `{field}` has {len(items)} files; at most {most} are read",
                    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                )
            for number, item in enumerate(items):
                with archive.open(item) as source:
                    # Not more than declared: `zipfile` stops there, and its checksum then differs.
                    (folder / f"{number:06d}.dcm").write_bytes(source.read())
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, ValueError, NotImplementedError, RuntimeError):
        # RuntimeError is an encrypted entry.
        raise RefusedError(f"the archive of `{field}` is damaged or encrypted") from None
    stored.unlink()
    read_series(field, folder, target)
    return size


def _ignored(name: str) -> bool:
    lower = name.lower()
    return lower.startswith(_IGNORED) or lower.endswith(_IGNORED[1:])
