"""Writes one cohort file."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np
from numpy.typing import NDArray

from xdistill.data.file.compression import filter_options
from xdistill.data.file.guard import METADATA, metadata_digest
from xdistill.data.file.layout import (
    DIGEST_BYTES,
    FORMAT,
    FORMAT_VERSION,
    fingerprint,
    stored_dtype,
    subject_digest,
)
from xdistill.data.file.sink import Sink
from xdistill.data.subject import StoredSubject
from xdistill.interfaces.dataset import DatasetFacts, SubjectRow
from xdistill.recipe.schema.recipe import CacheRecipe
from xdistill.tasks.blanks import with_blanks
from xdistill.types import Schema
from xdistill.version import __version__


class CohortWriter:
    """Fills a new file subject by subject.

    Args:
        path: of the file, which must not exist.
        rows: all subjects, in order.
        schema: modalities and task.
        cache: compression and types.

    Raises:
        OSError: from any method, if the disk is full or fails.
    """

    def __init__(self, path: Path, rows: Sequence[SubjectRow], schema: Schema, cache: CacheRecipe) -> None:
        self._rows, self._schema = rows, schema
        count = len(rows)
        names = list(schema.modalities)
        self._present = {name: np.zeros(count, dtype=np.uint8) for name in names}
        self._checksums = {name: np.zeros(count, dtype="<u8") for name in names}
        self._digests = {name: np.zeros((count, DIGEST_BYTES), dtype=np.uint8) for name in names}
        self._subjects: list[bytes] = [b""] * count
        self._sink = Sink(path)
        # Format 1.10 protects HDF5 metadata by checksums; older formats do not.
        self._file = h5py.File(self._sink, "w", libver=("v110", "v110"))
        self._values = {
            name: self._file.create_dataset(
                f"modalities/{name}/values",
                shape=(count, *spec.shape),
                dtype=stored_dtype(spec, cache),
                chunks=(1, *spec.shape),
                fletcher32=True,
                **filter_options(cache.compression, spec),
            )
            for name, spec in schema.modalities.items()
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # After an error the file is discarded, so further errors of HDF5 do not matter.
        with contextlib.suppress(OSError, RuntimeError):
            self._file.close()
        self._sink.close()

    def put(self, row: int, subject: StoredSubject) -> None:
        """Write the values of one subject."""
        for name, stored in subject.items():
            if stored is None:
                continue
            self._guarded(lambda name=name, stored=stored: self._put(name, row, stored))
        self._subjects[row] = subject_digest(
            self._rows[row], {name: stored.digest if stored else None for name, stored in subject.items()}
        )

    def finish(self, key: str, facts: DatasetFacts, kept: Mapping[str, Sequence[str]] | None = None) -> None:
        """Write the tables, and flush the file to disk.

        Args:
            key: of the cohort.
            facts: about it.
            kept: columns next to the values, one text per subject.
        """
        self._guarded(lambda: self._finish(key, facts, kept or {}))
        self._guarded(self._file.close)
        self._sink.sync()

    def _put(self, name: str, row: int, stored: Any) -> None:
        self._values[name][row] = stored.values
        self._present[name][row] = 1
        self._checksums[name][row] = stored.checksum
        self._digests[name][row] = np.frombuffer(stored.digest, dtype=np.uint8)

    def _finish(self, key: str, facts: DatasetFacts, kept: Mapping[str, Sequence[str]]) -> None:
        for name in self._schema.modalities:
            self._table(f"modalities/{name}/present", self._present[name])
            self._table(f"modalities/{name}/checksums", self._checksums[name])
            self._table(f"modalities/{name}/digests", self._digests[name])
        self._table("subjects", _text([row.subject for row in self._rows]))
        self._table("patients", _text([row.patient for row in self._rows]))
        targets = with_blanks(self._schema.task, [row.target for row in self._rows])
        self._table("targets", targets.astype(targets.dtype.newbyteorder("<")))
        labelled = np.array([row.target is not None for row in self._rows], dtype=np.uint8)
        if not labelled.all():  # versions that do not know it refuse the file, instead of reading -1 as a target
            self._table("labelled", labelled)
        self._table("digests", np.frombuffer(b"".join(self._subjects), np.uint8).reshape(-1, DIGEST_BYTES))
        self._table("schema", _json(self._schema.to_json()))
        grids = {name: vars(grid) for name, grid in facts.grids.items()}
        reading = {name: value for name, value in vars(facts.reading).items() if value}
        known = {name: value for name, value in vars(facts).items() if name not in {"grids", "reading", "remarks"}}
        if facts.remarks:  # so that the bytes of other cohorts stay the same
            known["remarks"] = list(facts.remarks)
        self._table("facts", _json({**known, "bounds": dict(facts.bounds)}))
        if grids:  # a table of its own, which versions that do not know it skip
            self._table("grids", _json(grids))
        if reading:
            self._table("reading", _json(reading))
        if kept:  # likewise
            self._table("kept", _json({name: list(texts) for name, texts in kept.items()}))
        self._file.attrs["format_version"] = FORMAT_VERSION
        texts = {
            "format": FORMAT,
            "key": key,
            "fingerprint": fingerprint(self._schema.to_json(), self._subjects),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "versions": json.dumps(
                {
                    "xdistill": __version__,
                    "h5py": h5py.__version__,
                    "hdf5": h5py.version.hdf5_version,
                    "numpy": np.__version__,
                }
            ),
        }
        for name, text in texts.items():
            self._attribute(name, text)
        self._attribute(METADATA, metadata_digest(self._file))

    def _attribute(self, name: str, text: str) -> None:
        self._file.attrs.create(name, _text([text])[0], dtype=_text([text]).dtype)

    def _table(self, name: str, values: NDArray[np.generic]) -> None:
        # HDF5 applies Fletcher-32 only to chunked data, so each table is one chunk.
        self._file.create_dataset(name, data=values, chunks=values.shape, fletcher32=True)

    def _guarded(self, write: Any) -> None:
        """Run ``write``; an error of the disk takes precedence over the error of HDF5 that follows from it."""
        try:
            write()
        except (OSError, RuntimeError):
            if self._sink.error is None:
                raise
        if self._sink.error is not None:
            raise self._sink.error


def _text(values: Sequence[str]) -> NDArray[np.bytes_]:
    """Fixed-length UTF-8 strings.

    HDF5 stores strings of variable length without a checksum, and one flipped bit there can make it loop forever.
    """
    encoded = [value.encode("utf-8") for value in values]
    length = max(len(value) for value in encoded)
    return np.array(encoded, dtype=h5py.string_dtype("utf-8", length))


def _json(data: Any) -> NDArray[np.uint8]:
    """JSON as UTF-8 bytes; not an attribute, which HDF5 limits to 64 KiB, because a schema may have many columns."""
    return np.frombuffer(json.dumps(data, ensure_ascii=False).encode("utf-8"), dtype=np.uint8)
