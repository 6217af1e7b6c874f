"""Subjects of a cohort after the transforms, as tensors: in memory if the cohort fits, else read batch by batch."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xdistill.data import CohortLike, FittedTransforms
from xdistill.types import Batch

Rows = NDArray[np.int64]


class Source:
    """Returns batches of a cohort's subjects.

    Args:
        cohort: the cohort.
        transforms: fitted on the training subjects of the split.
        modalities: to return.
        memory_mb: a larger cohort is read from disk batch by batch.
        filled: vectors that the transforms fill in for subjects who lack them, as if every value were missing. All
            other absent values are zeros.
        moved: by modality, the row whose values a row gets, ``(subjects,)``; by default its own.
        labelled: which subjects have a label, ``(subjects,)``; the targets of the others are not kept. Default: all.
    """

    def __init__(
        self,
        cohort: CohortLike,
        transforms: FittedTransforms,
        modalities: Sequence[str],
        *,
        memory_mb: int,
        filled: Collection[str] = (),
        moved: Mapping[str, Rows] | None = None,
        labelled: NDArray[np.bool_] | None = None,
    ) -> None:
        self.cohort = cohort
        self.transforms = transforms
        self.modalities = tuple(modalities)
        vectors = {name for name in modalities if cohort.schema.modalities[name].kind == "vector"}
        self.filled = frozenset(vectors.intersection(filled))
        self.moved = moved or {}
        self._present = {name: torch.from_numpy(cohort.present(name).astype(bool)) for name in modalities}
        self._targets = torch.from_numpy(np.array(transforms.schema.task.encoded(cohort.targets)))
        self._labelled = None if labelled is None or labelled.all() else torch.from_numpy(labelled)
        if self._labelled is not None:
            self._targets[~self._labelled] = -1
        self.in_memory = _megabytes(cohort, modalities) <= memory_mb
        everyone = np.arange(len(cohort.subjects))
        self._tensors = {name: self._transformed(name, everyone) for name in modalities} if self.in_memory else {}

    def _transformed(self, modality: str, rows: Rows) -> Tensor:
        values = self.cohort.values(modality, rows)
        absent = ~self._present[modality].numpy()[rows]
        if modality in self.filled:
            values[absent] = np.nan
        result = np.ascontiguousarray(self.transforms.apply(modality, values), dtype=np.float32)
        if absent.any() and modality not in self.filled:
            result = np.where(absent.reshape(-1, *[1] * (result.ndim - 1)), np.float32(0), result)
        return torch.from_numpy(result)

    def _values(self, modality: str, rows: Rows) -> Tensor:
        return self._tensors[modality][torch.from_numpy(rows)] if self.in_memory else self._transformed(modality, rows)

    def placeholder(self, modality: str) -> Tensor:
        """The values that a subject without the modality gets, ``(*shape)``."""
        if modality not in self.filled:
            return torch.zeros(self.transforms.schema.modalities[modality].shape)
        nothing = np.full((1, *self.cohort.schema.modalities[modality].shape), np.nan)
        return torch.from_numpy(self.transforms.apply(modality, nothing)[0])

    def batch(self, rows: Rows, modalities: Sequence[str], *, target: bool) -> Batch:
        """Some subjects with the named modalities; with the target only on request."""
        own = {name: self.moved[name][rows] if name in self.moved else rows for name in modalities}
        return Batch(
            inputs={name: self._values(name, chosen) for name, chosen in own.items()},
            present={name: self._present[name][torch.from_numpy(chosen)] for name, chosen in own.items()},
            subjects=tuple(self.cohort.subjects[row] for row in rows),
            target=self._targets[torch.from_numpy(rows)] if target else None,
            labelled=self._labelled[torch.from_numpy(rows)] if target and self._labelled is not None else None,
        )


def _megabytes(cohort: CohortLike, modalities: Sequence[str]) -> float:
    count = sum(int(np.prod(cohort.schema.modalities[name].shape)) for name in modalities)
    return count * len(cohort.subjects) * 4 / 2**20
