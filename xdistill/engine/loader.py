"""From the cohort cache to batches, in memory when the cohort fits and streamed when it does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xdistill.cohort import Cohort, FittedTransforms
from xdistill.engine.seeds import derive
from xdistill.interfaces.augmentation import Augmentation
from xdistill.types import Batch

Rows = NDArray[np.int64]


class Source:
    """Hands out subjects of a cohort after the transforms.

    Args:
        cohort: the cohort.
        transforms: fitted on the training subjects of the split.
        modalities: what to hand out.
        memory_mb: with more than this, values are read from disk batch by batch.
    """

    def __init__(
        self, cohort: Cohort, transforms: FittedTransforms, modalities: Sequence[str], *, memory_mb: int
    ) -> None:
        self.cohort = cohort
        self.transforms = transforms
        self.modalities = tuple(modalities)
        self._present = {name: torch.from_numpy(cohort.present(name).astype(bool)) for name in modalities}
        self._targets = torch.from_numpy(np.asarray(cohort.targets, dtype=np.int64))
        self.in_memory = _megabytes(cohort, modalities) <= memory_mb
        self._tensors = {name: self._whole(name) for name in modalities} if self.in_memory else {}

    def _whole(self, modality: str) -> Tensor:
        return self._transformed(modality, np.arange(len(self.cohort.subjects)))

    def _transformed(self, modality: str, rows: Rows) -> Tensor:
        values = self.transforms.apply(modality, self.cohort.values(modality, rows))
        return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))

    def batch(self, rows: Rows, modalities: Sequence[str], *, target: bool) -> Batch:
        """Some subjects with the named modalities; the target only where it is asked for."""
        index = torch.from_numpy(rows)
        return Batch(
            inputs={
                name: self._tensors[name][index] if self.in_memory else self._transformed(name, rows)
                for name in modalities
            },
            present={name: self._present[name][index] for name in modalities},
            subjects=tuple(self.cohort.subjects[row] for row in rows),
            target=self._targets[index] if target else None,
        )


@dataclass(frozen=True)
class BatchKey:
    """Which subjects a batch holds, and the seed of its augmentation."""

    rows: Rows
    seed: int


def epoch_keys(rows: Rows, *, batch_size: int, drop_last: bool, seed: int) -> list[BatchKey]:
    """The batches of one epoch, shuffled by the seed.

    A last batch of a single subject joins the one before it, since batch statistics of one subject mean nothing.
    """
    shuffled = rows[np.random.default_rng(seed).permutation(len(rows))]
    starts = list(range(0, len(shuffled), batch_size))
    if len(starts) > 1:
        leftover = len(shuffled) - starts[-1]
        if (leftover == 1 and batch_size > 1) or (drop_last and leftover < batch_size):
            starts.pop()
    ends = [*starts[1:], len(starts) * batch_size if drop_last and len(starts) * batch_size <= len(rows) else len(rows)]
    return [
        BatchKey(shuffled[start:end], derive(seed, "augment", index))
        for index, (start, end) in enumerate(zip(starts, ends, strict=True))
    ]


class TrainingBatches:
    """Augmented training batches by key; usable from worker processes."""

    def __init__(self, source: Source, augmentations: Sequence[Augmentation]) -> None:
        self.source = source
        self.augmentations = tuple(augmentations)

    def __getitem__(self, key: BatchKey) -> Batch:
        batch = self.source.batch(key.rows, self.source.modalities, target=True)
        if not self.augmentations:
            return batch
        generator = torch.Generator().manual_seed(key.seed)
        inputs: Mapping[str, Tensor] = batch.inputs
        for augmentation in self.augmentations:
            inputs = augmentation(inputs, generator)
        return replace(batch, inputs=_absent_stay_zero(inputs, batch.present))


def _absent_stay_zero(inputs: Mapping[str, Tensor], present: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        name: value
        if bool(present[name].all())
        else value * present[name].to(value.dtype).reshape(-1, *[1] * (value.dim() - 1))
        for name, value in inputs.items()
    }


def iterate(batches: TrainingBatches, keys: Sequence[BatchKey], *, workers: int) -> Iterator[Batch]:
    """The batches in the order of their keys; the bits do not depend on the number of workers."""
    if workers == 0:
        for key in keys:
            yield batches[key]
        return
    from torch.utils.data import DataLoader

    loader: DataLoader[Any] = DataLoader(
        batches,  # type: ignore[arg-type]  # a mapping by key is what torch calls a map-style data set
        batch_size=None,
        sampler=keys,  # an iterable of keys is all a sampler is
        num_workers=workers,
        generator=torch.Generator().manual_seed(0),  # else it would draw from the stream that dropout draws from
    )
    yield from loader


def memory_format(batch: Batch, convert: Callable[[Tensor], Tensor]) -> Batch:
    """The batch with its images converted."""
    return replace(batch, inputs={name: convert(value) for name, value in batch.inputs.items()})


def channels_last(value: Tensor) -> Tensor:
    """Images and volumes channels-last, anything else as it is.

    With one channel both layouts are the same bytes, and only the stride of that channel tells them apart: it is set,
    because convolutions otherwise answer in the other layout and every layer above copies.
    """
    formats = {4: torch.channels_last, 5: torch.channels_last_3d}
    if value.dim() not in formats:
        return value
    moved = value.contiguous(memory_format=formats[value.dim()])
    return moved.as_strided(moved.shape, (moved.stride(0), 1, *moved.stride()[2:])) if moved.shape[1] == 1 else moved


def _megabytes(cohort: Cohort, modalities: Sequence[str]) -> float:
    count = sum(int(np.prod(cohort.schema.modalities[name].shape)) for name in modalities)
    return count * len(cohort.subjects) * 4 / 2**20
