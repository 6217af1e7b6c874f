"""Reads the tables of a cohort file: subjects, schema, facts, digests and the offsets of the values."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from xdistill.data.file.guard import METADATA, check_structure
from xdistill.data.file.layout import (
    FORMAT,
    FORMAT_VERSION,
    REBUILD,
    damaged,
    fingerprint,
    loaded_dtype,
    subject_digest,
)
from xdistill.errors import CacheError, DataError
from xdistill.interfaces.dataset import DatasetFacts, SubjectRow, TableReading
from xdistill.interfaces.reader import GridSummary
from xdistill.types import ModalitySpec, Schema
from xdistill.untrusted import open_regular


@dataclass(frozen=True)
class ModalityTable:
    """The tables of one modality.

    Attributes:
        spec: kind and shape.
        stored: type of the values in the file.
        present: which subjects have the modality, ``(subjects,)`` bool.
        checksums: of the values of each subject, ``(subjects,)`` uint64.
        digests: SHA-256 of the values of each subject, ``(subjects, 32)`` uint8.
        offsets: of each subject's chunk in the file, -1 if it has none; None if the chunks are compressed, so that only
            HDF5 can read them.
    """

    spec: ModalitySpec
    stored: np.dtype[Any]
    present: NDArray[np.bool_]
    checksums: NDArray[np.uint64]
    digests: NDArray[np.uint8]
    offsets: NDArray[np.int64] | None

    @property
    def loaded(self) -> np.dtype[Any]:
        """Type of the values that a cohort returns."""
        return np.dtype(loaded_dtype(self.spec))


@dataclass(frozen=True)
class Tables:
    """Everything in a cohort file except the values."""

    key: str
    fingerprint: str
    created: str
    versions: Mapping[str, str]
    schema: Schema
    facts: DatasetFacts
    subjects: tuple[str, ...]
    patients: tuple[str, ...]
    targets: NDArray[Any]
    labelled: NDArray[np.bool_]
    digests: NDArray[np.uint8]
    modalities: Mapping[str, ModalityTable] = field(default_factory=dict)
    kept: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sealed: bool = False  # whether the metadata have a checksum

    def digest_of(self, row: int) -> bytes:
        """The digest of one subject, computed from the tables."""
        target = self.targets[row].tolist() if self.labelled[row] else None
        return subject_digest(
            SubjectRow(self.subjects[row], self.patients[row], target),
            {
                name: table.digests[row].tobytes() if table.present[row] else None
                for name, table in self.modalities.items()
            },
        )

    def altered_subjects(self) -> list[str]:
        """Subjects whose entries in the tables do not match their stored digest."""
        return [
            subject for row, subject in enumerate(self.subjects) if self.digest_of(row) != self.digests[row].tobytes()
        ]

    def is_whole(self) -> bool:
        """Whether schema and subjects match the fingerprint."""
        digests = [digest.tobytes() for digest in self.digests]
        return fingerprint(self.schema.to_json(), digests) == self.fingerprint


def open_file(path: Path) -> h5py.File:
    """Open a cohort file and check format and version.

    Raises:
        CacheError: for a file that is missing, not a cohort, or of another format version.
    """
    try:
        open_regular(path).close()
    except DataError as error:
        raise CacheError(f"{error}; build it with `xdistill data build`") from None
    if not h5py.is_hdf5(path):
        raise CacheError(f"{path}: not an HDF5 file and so not a cohort; {REBUILD}")
    try:
        file = h5py.File(path, "r", locking=False)
    except OSError as error:
        raise damaged(path, f"it cannot be opened ({_first_line(error)})") from error
    try:
        _check_format(path, file)
    except BaseException:
        file.close()
        raise
    return file


def read_tables(path: Path, file: h5py.File, *, lenient: bool = False) -> Tables:
    """Read the tables of an open cohort file.

    Args:
        path: of the file, for messages.
        file: returned by `open_file`.
        lenient: read tables with a wrong checksum too, to find the affected subjects.

    Raises:
        CacheError: for a missing or damaged table.
    """
    try:
        check_structure(path, file)
        return _read_tables(file, lenient=lenient)
    except (OSError, AttributeError, KeyError, OverflowError, ValueError, TypeError, RuntimeError) as error:
        raise damaged(path, f"its tables cannot be read ({_first_line(error)})") from error


def _check_format(path: Path, file: h5py.File) -> None:
    try:
        name, version = _attribute(file, "format"), file.attrs.get("format_version")
    except (OSError, KeyError, RuntimeError) as error:
        raise damaged(path, f"its attributes cannot be read ({_first_line(error)})") from error
    if name != FORMAT:
        raise CacheError(f"{path}: this HDF5 file is not a cohort; name a file built by `xdistill data build`")
    if not isinstance(version, (int, np.integer)) or version != FORMAT_VERSION:
        raise CacheError(
            f"{path}: the cohort has format version {version}; this version of xdistill reads version "
            f"{FORMAT_VERSION}. Build it again with `xdistill data build`, or use the version of xdistill that built it"
        )


def _read_tables(file: h5py.File, *, lenient: bool) -> Tables:
    def read(name: str) -> NDArray[Any]:
        return _read(file[name], lenient=lenient)

    schema = Schema.from_json(json.loads(read("schema").tobytes()))
    subjects = _strings(read("subjects"))
    labelled = _mask(file, "labelled", lenient=lenient) if "labelled" in file else np.ones(len(subjects), dtype=bool)
    tables = Tables(
        key=_attribute(file, "key"),
        fingerprint=_attribute(file, "fingerprint"),
        created=_attribute(file, "created"),
        versions=json.loads(_attribute(file, "versions")),
        schema=schema,
        facts=_facts(
            json.loads(read("facts").tobytes()),
            _grids(json.loads(read("grids").tobytes())) if "grids" in file else {},
            _reading(json.loads(read("reading").tobytes())) if "reading" in file else TableReading(),
        ),
        subjects=subjects,
        patients=_strings(read("patients")),
        targets=schema.task.as_targets(read("targets")),
        labelled=labelled,
        digests=read("digests"),
        modalities={
            name: _modality(file[f"modalities/{name}"], spec, lenient=lenient)
            for name, spec in schema.modalities.items()
        },
        kept=_kept(json.loads(read("kept").tobytes())) if "kept" in file else {},
        sealed=METADATA in file.attrs,
    )
    count = len(subjects)
    if count != len(set(subjects)):
        msg = "a subject occurs twice"
        raise ValueError(msg)
    lengths = {len(tables.patients), len(tables.targets), len(tables.labelled), len(tables.digests)}
    lengths |= {len(table.present) for table in tables.modalities.values()}
    lengths |= {len(texts) for texts in tables.kept.values()}
    if lengths != {count}:
        msg = "tables differ in length"
        raise ValueError(msg)
    return tables


def _facts(found: Mapping[str, Any], grids: Mapping[str, GridSummary], reading: TableReading) -> DatasetFacts:
    types = {"title": str, "synthetic": bool, "source": str, "bounds": dict, "remarks": list}
    if not all(isinstance(value, types.get(name, object)) for name, value in found.items()):
        msg = "the facts hold values of another type"
        raise TypeError(msg)
    bounds = {name: float(value) for name, value in found.get("bounds", {}).items()}
    remarks = tuple(map(str, found.get("remarks", ())))
    return DatasetFacts(**{**found, "bounds": bounds, "remarks": remarks}, grids=grids, reading=reading)


def _kept(found: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    return {str(name): tuple(map(str, texts)) for name, texts in found.items()}


def _grids(found: Mapping[str, Any]) -> dict[str, GridSummary]:
    def axes(rows: Any) -> tuple[tuple[float, float, float], ...]:
        return tuple((float(low), float(middle), float(high)) for low, middle, high in rows)

    return {
        name: GridSummary(int(item["files"]), axes(item["size"]), axes(item["spacing"])) for name, item in found.items()
    }


def _reading(found: Mapping[str, Any]) -> TableReading:
    return TableReading(tuple(map(str, found.get("notes", ()))), dict(found.get("columns", {})))


def _modality(group: h5py.Group, spec: ModalitySpec, *, lenient: bool) -> ModalityTable:
    present = _mask(group, "present", lenient=lenient)
    values = group["values"]
    if values.shape != (len(present), *spec.shape) or values.chunks != (1, *spec.shape):
        msg = f"the shape of the values of {group.name} differs from the schema"
        raise ValueError(msg)
    return ModalityTable(
        spec=spec,
        stored=values.dtype,
        present=present,
        checksums=_read(group["checksums"], lenient=lenient),
        digests=_read(group["digests"], lenient=lenient),
        offsets=_offsets(values) if _can_read_raw(values) else None,
    )


def _mask(group: h5py.Group, name: str, *, lenient: bool) -> NDArray[np.bool_]:
    """A table of zeros and ones, one per subject."""
    mask = _read(group[name], lenient=lenient)
    if not lenient and mask.max(initial=0) > 1:
        msg = f"{group[name].name} holds other values than 0 and 1"
        raise ValueError(msg)
    return mask.astype(bool)


def _can_read_raw(values: h5py.Dataset) -> bool:
    """Whether a chunk holds the plain values followed by Fletcher-32."""
    return hasattr(os, "preadv") and values.id.get_create_plist().get_nfilters() == 1


def _offsets(values: h5py.Dataset) -> NDArray[np.int64]:
    """Offset of each subject's chunk in the file, -1 if it has none."""
    offsets = np.full(len(values), -1, dtype=np.int64)

    def record(chunk: Any) -> None:
        if chunk.filter_mask == 0:
            offsets[chunk.chunk_offset[0]] = chunk.byte_offset

    values.id.chunk_iter(record)
    return offsets


def _read(dataset: h5py.Dataset, *, lenient: bool) -> NDArray[Any]:
    try:
        values: NDArray[Any] = dataset[()]
    except OSError:
        if not lenient:
            raise
        # Bypasses the filter: the table's single chunk without the four bytes of Fletcher-32 at its end.
        _, raw = dataset.id.read_direct_chunk((0,) * dataset.ndim)
        values = np.frombuffer(raw[:-4], dtype=dataset.dtype).reshape(dataset.shape)
    return values


def _attribute(file: h5py.File, name: str) -> str:
    value = file.attrs.get(name, b"")
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else str(value)


def _strings(values: NDArray[Any]) -> tuple[str, ...]:
    return tuple(bytes(value).decode("utf-8", errors="replace") for value in values)


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0]
