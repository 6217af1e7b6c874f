"""Whether an HDF5 file has the objects of a cohort file and no others, of the sizes that it states, and its metadata.

HDF5 reads what a file states: a table of billions of rows takes its memory before it turns out to be empty, and a link
leads to any other file. So the objects are checked before one is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np

from xdistill.data.file.layout import canonical, damaged
from xdistill.errors import CacheError
from xdistill.untrusted import TABLE

METADATA: Final = "metadata_sha256"
TABLES: Final = ("subjects", "patients", "targets", "digests", "schema", "facts")
OPTIONAL_TABLES: Final = ("grids", "reading", "kept", "labelled")
OF_MODALITY: Final = ("present", "checksums", "digests")
VALUES: Final = "values"
WEAKER: Final = (
    "the file was built before cohort files had a checksum of their metadata: changes of title, source, `synthetic` "
    "and bounds may go unnoticed; build it again to have one"
)
_SUPERBLOCK: Final = re.compile(rb"\x89HDF\r\n\x1a\n[\x02\x03]\x08\x08")
_END: Final = slice(28, 36)  # of the superblock, versions 2 and 3: the address of the end of the file


def check_structure(path: Path, file: h5py.File) -> None:
    """Check all objects of a cohort file before any is read.

    Raises:
        CacheError: for a link, an object that is not of the format, data outside of the file, a table that is larger
            than the file or a limit, or bytes after the end.
    """
    size = path.stat().st_size
    _check_end(path, size)
    names = {VALUES: True, **dict.fromkeys(OF_MODALITY, False)}
    for name in file:
        if name == "modalities":
            for group in _modalities(path, file, name):
                for part in group:
                    _check_dataset(path, _object(path, group, part), size, values=names.get(part))
        else:
            known = name in TABLES or name in OPTIONAL_TABLES
            _check_dataset(path, _object(path, file, name), size, values=False if known else None)


def metadata_problem(file: h5py.File) -> str:
    """What is wrong with the checksum of the metadata; empty if it is right, or if the file has none."""
    stated = file.attrs.get(METADATA)
    if stated is None:
        return ""
    text = stated.decode("ascii", "replace") if isinstance(stated, bytes) else str(stated)
    return "" if text == metadata_digest(file) else "the metadata do not match their checksum"


def metadata_digest(file: h5py.File) -> str:
    """SHA-256 (hexadecimal) of everything but the values: the attributes, every table, and the layout of the values."""
    tables = {name: _digest(file[name]) for name in sorted(file) if name != "modalities"}
    layout = {}
    for modality in sorted(file["modalities"]):
        group = file[f"modalities/{modality}"]
        tables |= {f"modalities/{modality}/{name}": _digest(group[name]) for name in sorted(group) if name != VALUES}
        layout[modality] = _layout(group[VALUES])
    attributes = {name: _text(value) for name, value in file.attrs.items() if name != METADATA}
    return sha256(canonical({"attributes": attributes, "tables": tables, "values": layout})).hexdigest()


def _check_end(path: Path, size: int) -> None:
    with path.open("rb") as opened:
        head = opened.read(_END.stop)
    if _SUPERBLOCK.match(head) and int.from_bytes(head[_END], "little") < size:
        raise damaged(
            path, f"there are {size - int.from_bytes(head[_END], 'little')} bytes after the end that it states"
        )


def _modalities(path: Path, file: h5py.File, name: str) -> Iterator[h5py.Group]:
    group = _object(path, file, name)
    if not isinstance(group, h5py.Group):
        raise damaged(path, f"{name!r} is not a group")
    for member in group:
        found = _object(path, group, member)
        if not isinstance(found, h5py.Group):
            raise damaged(path, f"{member!r} is not a modality")
        yield found


def _object(path: Path, group: h5py.Group, name: str) -> Any:
    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise damaged(path, f"{name!r} is a link to another object or file, which a cohort file does not have")
    return group[name]


def _check_dataset(path: Path, dataset: Any, size: int, *, values: bool | None) -> None:
    name = getattr(dataset, "name", "")
    if values is None or not isinstance(dataset, h5py.Dataset):
        raise damaged(path, f"it holds {name!r}, which is not part of a cohort file")
    if dataset.is_virtual or dataset.external:
        raise damaged(path, f"the data of {name!r} are in another file")
    if dataset.dtype.kind not in "biufSV" or dataset.dtype.hasobject:
        raise damaged(path, f"{name!r} holds objects instead of plain values")
    if not values:
        stated = int(np.prod(dataset.shape or (), dtype=object)) * dataset.dtype.itemsize
        TABLE.check(path, stated, error=CacheError, what=f"its table {name!r}")
        if stated > size:
            raise damaged(path, f"its table {name!r} states {stated} bytes, more than the file has")


def _digest(dataset: h5py.Dataset) -> list[Any]:
    values = np.ascontiguousarray(dataset[()])
    return [dataset.dtype.str, list(dataset.shape), sha256(values.data).hexdigest()]


def _layout(dataset: h5py.Dataset) -> list[Any]:
    return [dataset.dtype.str, list(dataset.shape), list(dataset.chunks or ())]


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
