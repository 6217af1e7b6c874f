"""Opens a cohort file and reads its values; every read is checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xdistill.data.file.checksum import checksum, piece_checksum, pieces
from xdistill.data.file.compression import is_blosc2, require_blosc2
from xdistill.data.file.guard import WEAKER, metadata_problem
from xdistill.data.file.handles import Handles, read_fully
from xdistill.data.file.layout import damaged
from xdistill.data.file.tables import ModalityTable, Tables, open_file, read_tables
from xdistill.errors import CacheError, DataError, OutOfMemoryError
from xdistill.interfaces.dataset import DatasetFacts
from xdistill.suggest import did_you_mean
from xdistill.types import Schema
from xdistill.workers import cores

_MAX_THREADS = 4
_BYTES_PER_THREAD = 32 * 2**20


def open_cohort(path: Path) -> Cohort:
    """Open a cohort file; reads and checks its tables, but no values yet.

    Raises:
        CacheError: for a file that is missing, not a cohort, of another format version, or damaged.
        UserError: if its compression is not installed.
    """
    with open_file(path) as file:
        tables = read_tables(path, file)
        problem = metadata_problem(file)
        for name in tables.modalities:
            if is_blosc2(file[f"modalities/{name}/values"]):
                require_blosc2()
    altered = tables.altered_subjects()
    if altered:
        raise damaged(path, f"the entries of subject {altered[0]!r} do not match their digest")
    if not tables.is_whole():
        raise damaged(path, "the content does not match its fingerprint")
    if problem:
        raise damaged(path, problem)
    return Cohort(path, tables)


class Cohort:
    """A cohort file: its tables are in memory, its values are read on request.

    It can be pickled: another process opens the file again. After a fork each process uses its own file handles.

    Attributes:
        path: the file.
        schema: modalities and task.
        facts: what readers of results on this cohort need to know.
        key: hash of what the cohort was built from; see `build_cohort`.
        fingerprint: SHA-256 (hexadecimal) of the whole content.
        subjects: ids, in the order of the rows.
        patients: one per row; subjects of one patient stay in the same part of a split.
        kept: columns of texts by name, one text per row, such as site or date; splits are made by them.
        created: when the file was built, ISO 8601.
        versions: of the libraries that built it.
        notes: what a user should know about the file.
    """

    def __init__(self, path: Path, tables: Tables) -> None:
        self.path = path
        self.schema: Schema = tables.schema
        self.facts: DatasetFacts = tables.facts
        self.key: str = tables.key
        self.fingerprint: str = tables.fingerprint
        self.created: str = tables.created
        self.notes: tuple[str, ...] = () if tables.sealed else (WEAKER,)
        self.versions = tables.versions
        self.subjects: tuple[str, ...] = tables.subjects
        self.patients: tuple[str, ...] = tables.patients
        self.kept: Mapping[str, tuple[str, ...]] = tables.kept
        self._targets = tables.targets
        self._labelled = tables.labelled
        self._tables = tables.modalities
        self._row_of = {subject: row for row, subject in enumerate(tables.subjects)}
        self._handles = Handles(path)

    def __len__(self) -> int:
        return len(self.subjects)

    def __repr__(self) -> str:
        return f"Cohort({str(self.path)!r}, subjects={len(self)}, modalities={list(self._tables)})"

    def __reduce__(self) -> tuple[Callable[..., Cohort], tuple[Any, ...]]:
        return _reopen, (self.path, self.fingerprint)

    @property
    def targets(self) -> NDArray[Any]:
        """Targets of the task, for classification class indices ``(subjects,)``; a copy."""
        return self._targets.copy()

    @property
    def labelled(self) -> NDArray[np.bool_]:
        """Which subjects have a label, ``(subjects,)``; the targets of the others are -1 or NaN. A copy."""
        return self._labelled.copy()

    @property
    def nbytes(self) -> int:
        """Bytes that `load` takes in memory."""
        return sum(len(self) * _row_bytes(table) for table in self._tables.values())

    def rows_of(self, subjects: Iterable[str]) -> NDArray[np.int64]:
        """Row indices of these subjects, in their order.

        Raises:
            DataError: for an unknown subject.
        """
        try:
            return np.array([self._row_of[subject] for subject in subjects], dtype=np.int64)
        except KeyError as error:
            raise DataError(f"{self.path}: the cohort has no subject {error.args[0]!r}") from None

    def present(self, modality: str) -> NDArray[np.bool_]:
        """Which subjects have a modality, ``(subjects,)``; a copy.

        Raises:
            DataError: for an unknown modality.
        """
        return self._table(modality).present.copy()

    def digests(self, modality: str) -> list[bytes]:
        """SHA-256 of the values of each subject in a modality; the same values have the same digest.

        Raises:
            DataError: for an unknown modality.
        """
        return [digest.tobytes() for digest in self._table(modality).digests]

    def values(self, modality: str, rows: Sequence[int] | NDArray[np.integer]) -> NDArray[Any]:
        """Values of some subjects, ``(rows, *shape)``: vectors as float64, everything else as float32.

        Subjects without the modality hold zeros. It takes no memory beyond the result.

        Raises:
            DataError: for an unknown modality.
            IndexError: for a row that the cohort does not have.
            CacheError: for a subject whose values do not match their checksum.
        """
        table = self._table(modality)
        wanted = np.asarray(rows, dtype=np.int64).reshape(-1)
        if wanted.size and (wanted.min() < 0 or wanted.max() >= len(self)):
            msg = f"rows go from 0 to {len(self) - 1}"
            raise IndexError(msg)
        unique, inverse = np.unique(wanted, return_inverse=True)
        read = self._read(modality, table, unique)
        return read if np.array_equal(unique, wanted) else read[inverse]

    def load(self) -> dict[str, NDArray[Any]]:
        """All values of all modalities, by name.

        Raises:
            CacheError: for a subject whose values do not match their checksum.
            OutOfMemoryError: if they do not fit into memory.
        """
        rows = np.arange(len(self))
        return {name: self._read(name, table, rows) for name, table in self._tables.items()}

    def close(self) -> None:
        """Close the file; a later read opens it again."""
        self._handles.close()

    def _table(self, modality: str) -> ModalityTable:
        if modality not in self._tables:
            raise DataError(f"{self.path}: unknown modality {modality!r}{did_you_mean(modality, self._tables)}")
        return self._tables[modality]

    def _read(self, modality: str, table: ModalityTable, rows: NDArray[np.int64]) -> NDArray[Any]:
        try:
            out = np.empty((rows.size, *table.spec.shape), dtype=table.loaded)
        except MemoryError as error:
            raise OutOfMemoryError(
                f"memory ran out while reading {modality!r} ({rows.size * _row_bytes(table) / 1e6:.0f} MB); lower "
                f"`loader.memory_mb` to read batches from disk, or reduce --jobs"
            ) from error
        threads = min(_MAX_THREADS, cores(), 1 + out.nbytes // _BYTES_PER_THREAD) if table.offsets is not None else 1
        if threads == 1:
            self._read_some(modality, table, rows, out)
            return out
        step = -(-rows.size // (4 * threads))
        parts = [slice(start, start + step) for start in range(0, rows.size, step)]
        # Reading and checksums release the GIL.
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda part: self._read_some(modality, table, rows[part], out[part]), parts))
        return out

    def _read_some(self, modality: str, table: ModalityTable, rows: NDArray[np.int64], out: NDArray[Any]) -> None:
        read = self._raw if table.offsets is not None else self._filtered
        buffer = None if table.stored == out.dtype else np.empty(table.spec.shape, dtype=table.stored)
        for index, row in enumerate(rows.tolist()):
            target = out[index] if buffer is None else buffer
            if read(modality, table, row, target) != int(table.checksums[row]):
                raise self._damaged(modality, row)
            if buffer is not None:
                out[index] = buffer

    def _raw(self, modality: str, table: ModalityTable, row: int, target: NDArray[Any]) -> int | None:
        """Read an uncompressed chunk into ``target``; return its checksum, None if the file is too short."""
        del modality
        offset = -1 if table.offsets is None else int(table.offsets[row])
        if offset < 0:
            target[...] = 0
            return 0  # the checksum of zeros
        data = target.reshape(-1).view(np.uint8)
        descriptor = self._handles.descriptor()
        total = 0
        for piece in pieces(data.size):
            if not read_fully(descriptor, data[piece], offset + piece.start):
                return None
            total += piece_checksum(data[piece], piece.start)
        return total % 2**64

    def _filtered(self, modality: str, table: ModalityTable, row: int, target: NDArray[Any]) -> int | None:
        """Read a chunk by HDF5, which checks its Fletcher-32; return its checksum, None if it cannot be read."""
        del table
        try:
            self._handles.file()[f"modalities/{modality}/values"].read_direct(target, np.s_[row])
        except OSError:
            return None
        return checksum(target)

    def _damaged(self, modality: str, row: int) -> CacheError:
        return damaged(
            self.path,
            f"the values of subject {self.subjects[row]!r} in modality {modality!r} do not match their checksum",
        )


def _reopen(path: Path, fingerprint: str) -> Cohort:
    cohort = open_cohort(path)
    if cohort.fingerprint != fingerprint:
        raise CacheError(f"{path}: the file was replaced by another cohort while in use; rerun the command")
    return cohort


def _row_bytes(table: ModalityTable) -> int:
    size = table.loaded.itemsize
    for length in table.spec.shape:
        size *= length
    return size
