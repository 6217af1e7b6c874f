"""Subjects in memory, and the data set that describes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xdistill.interfaces.dataset import Dataset, DatasetFacts, SubjectRow
from xdistill.types import Schema


class MemoryCohort:
    """A cohort whose values are arrays.

    Args:
        schema: modalities and classes.
        values: for each modality ``(subjects, *shape)``.
        targets: class indices, ``(subjects,)``.
        patients: the group of each subject; None: each subject is its own.
        present: for each modality which subjects have it; by default all.
    """

    def __init__(
        self,
        schema: Schema,
        values: Mapping[str, NDArray[Any]],
        targets: NDArray[np.int64],
        *,
        patients: Sequence[str] | None = None,
        present: Mapping[str, NDArray[np.bool_]] | None = None,
    ) -> None:
        self.schema = schema
        self.targets = targets
        self.subjects = tuple(f"row {row}" for row in range(len(targets)))
        self.patients = self.subjects if patients is None else tuple(patients)
        self._values = dict(values)
        self._present = dict(present or {})
        self._row_of = {subject: row for row, subject in enumerate(self.subjects)}

    def __len__(self) -> int:
        return len(self.subjects)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of values and targets."""
        digest = sha256(repr((self.schema, self.patients)).encode())
        for values in (*self._values.values(), *self._present.values(), self.targets):
            digest.update(np.ascontiguousarray(values))
        return digest.hexdigest()

    def rows_of(self, subjects: Iterable[str]) -> NDArray[np.int64]:
        """Rows of these subjects, in their order."""
        return np.array([self._row_of[subject] for subject in subjects], dtype=np.int64)

    def present(self, modality: str) -> NDArray[np.bool_]:
        """Which subjects have a modality, ``(subjects,)``."""
        return self._present.get(modality, np.ones(len(self), dtype=bool))

    def values(self, modality: str, rows: Sequence[int] | NDArray[np.integer]) -> NDArray[Any]:
        """Values of some subjects, ``(rows, *shape)``; a copy."""
        chosen: NDArray[Any] = self._values[modality][np.asarray(rows, dtype=np.int64)]
        return chosen


class Arrays(Dataset):
    """Subjects that are in memory, as `assemble` wants to see them."""

    name = "arrays"

    def __init__(self, schema: Schema, targets: NDArray[np.int64]) -> None:
        self._schema = schema
        self._targets = targets

    def schema(self) -> Schema:
        """Modalities and classes."""
        return self._schema

    def index(self) -> Sequence[SubjectRow]:
        """Rows and targets."""
        return [SubjectRow(f"row {row}", f"row {row}", int(target)) for row, target in enumerate(self._targets)]

    def load(self, row: int) -> Mapping[str, NDArray[np.generic] | None]:
        """Nothing: values are in memory already."""
        raise NotImplementedError

    def facts(self) -> DatasetFacts:
        """Nothing is known of them."""
        return DatasetFacts("arrays")
