"""What transforms, training views and batches need of a cohort, in a file or in memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from xdistill.types import Schema


class CohortLike(Protocol):
    """Subjects with their values by modality; `Cohort` and `ArrayCohort` are two."""

    def __len__(self) -> int: ...

    @property
    def schema(self) -> Schema:
        """Modalities and task."""

    @property
    def subjects(self) -> tuple[str, ...]:
        """Ids, in the order of the rows."""

    @property
    def patients(self) -> tuple[str, ...]:
        """One per subject; subjects of one patient stay in the same part of a split."""

    @property
    def targets(self) -> NDArray[Any]:
        """Targets of the task, ``(subjects, ...)``; class indices for classification."""

    @property
    def labelled(self) -> NDArray[np.bool_]:
        """Which subjects have a label, ``(subjects,)``; the targets of the others are meaningless."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hexadecimal) of the whole content."""

    def rows_of(self, subjects: Iterable[str]) -> NDArray[np.int64]:
        """Row indices of these subjects, in their order; raises `DataError` for an unknown one."""

    def present(self, modality: str) -> NDArray[np.bool_]:
        """Which subjects have a modality, ``(subjects,)``."""

    def values(self, modality: str, rows: Sequence[int] | NDArray[np.integer]) -> NDArray[Any]:
        """A copy of the values of some subjects, ``(rows, *shape)``: vectors as float64, everything else as float32.

        Subjects without the modality hold zeros.
        """
