"""Training batches: which subjects, in which order, augmented how."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xdistill.interfaces.augmentation import Augmentation
from xdistill.training.seeds import derive
from xdistill.training.source import Rows, Source
from xdistill.types import MIN_SUBJECTS, Batch


@dataclass(frozen=True)
class BatchKey:
    """The subjects of a batch, and the seed of its augmentation."""

    rows: Rows
    seed: int


def epoch_keys(
    rows: Rows, *, batch_size: int, drop_last: bool, seed: int, complete: NDArray[np.bool_] | None = None
) -> list[BatchKey]:
    """The batches of one epoch, shuffled by the seed.

    A last batch of a single subject joins the previous one, because batch statistics of one subject are meaningless.

    Args:
        rows: of the cohort.
        batch_size: subjects per batch.
        drop_last: leave out a last batch that is not full.
        seed: of the shuffle.
        complete: which of the cohort's subjects are passed to the teacher, ``(cohort,)``; these are spread evenly over
            the batches, at least two to each that gets any. None: any order.
    """
    shuffled = rows[np.random.default_rng(seed).permutation(len(rows))]
    starts = list(range(0, len(shuffled), batch_size))
    if len(starts) > 1:
        leftover = len(shuffled) - starts[-1]
        if (leftover == 1 and batch_size > 1) or (drop_last and leftover < batch_size):
            starts.pop()
    ends = [*starts[1:], len(starts) * batch_size if drop_last and len(starts) * batch_size <= len(rows) else len(rows)]
    batches = [shuffled[start:end] for start, end in zip(starts, ends, strict=True)]
    if complete is not None:
        batches = spread(batches, complete)
    return [BatchKey(batch, derive(seed, "augment", index)) for index, batch in enumerate(batches)]


def spread(batches: Sequence[Rows], complete: NDArray[np.bool_]) -> list[Rows]:
    """Batches of the same sizes and the same subjects, over which the complete subjects are spread evenly.

    If there are too few to give every batch two, as many batches as possible get two and the others none: the teacher
    learns nothing from a single subject. Within complete and incomplete subjects the order is kept.
    """
    rows = np.concatenate(batches)
    with_teacher, without = rows[complete[rows]], rows[~complete[rows]]
    counts = _shares([len(batch) for batch in batches], len(with_teacher))
    ends = np.cumsum(counts)
    rest = np.cumsum([len(batch) - count for batch, count in zip(batches, counts, strict=True)])
    return [
        np.concatenate([with_teacher[end - count : end], without[other - (len(batch) - count) : other]])
        for batch, count, end, other in zip(batches, counts, ends, rest, strict=True)
    ]


def _shares(sizes: Sequence[int], count: int) -> list[int]:
    """How many of so many complete subjects each batch gets."""
    shares = [0] * len(sizes)
    roomy = [index for index, size in enumerate(sizes) if size >= MIN_SUBJECTS] or list(range(len(sizes)))
    served = max(1, min(len(roomy), count // MIN_SUBJECTS))
    for turn in range(served):
        index = roomy[turn * len(roomy) // served]
        shares[index] = min(sizes[index], count * (turn + 1) // served - count * turn // served)
    for index, size in enumerate(sizes):  # what did not fit into a small batch
        shares[index] += min(size - shares[index], count - sum(shares))
    return shares


class TrainingBatches:
    """Augmented training batches by key; usable from worker processes.

    Args:
        source: of the subjects.
        augmentations: in the order in which they are applied.
        dropout: removes modalities of a batch, given a seed.
        device: where batches are augmented; see `augmentation_device`.
    """

    def __init__(
        self,
        source: Source,
        augmentations: Sequence[Augmentation],
        dropout: Callable[[Batch, int], Batch] | None = None,
        device: torch.device | None = None,
    ) -> None:
        self.source = source
        self.augmentations = tuple(augmentations)
        self.dropout = dropout
        self.device = device or torch.device("cpu")

    def __getitem__(self, key: BatchKey) -> Batch:
        batch = self._augmented(self.source.batch(key.rows, self.source.modalities, target=True).to(self.device), key)
        return batch if self.dropout is None else self.dropout(batch, derive(key.seed, "modality_dropout"))

    def _augmented(self, batch: Batch, key: BatchKey) -> Batch:
        if not self.augmentations:
            return batch
        generator = torch.Generator().manual_seed(key.seed)
        inputs: Mapping[str, Tensor] = batch.inputs
        for augmentation in self.augmentations:
            inputs = augmentation(inputs, generator)
        return replace(batch, inputs=_absent_stay_zero(inputs, batch.present, but=self.source.filled))


def augmentation_device(augmentations: Sequence[Augmentation], device: torch.device, *, workers: int) -> torch.device:
    """The training device if all augmentations support it and no worker process prepares batches; else the CPU.

    Random numbers are drawn on the CPU either way, so that they do not depend on the device.
    """
    able = workers == 0 and all(augmentation.on_device for augmentation in augmentations)
    return device if able else torch.device("cpu")


def _absent_stay_zero(
    inputs: Mapping[str, Tensor], present: Mapping[str, Tensor], *, but: Collection[str]
) -> dict[str, Tensor]:
    return {
        name: value
        if name in but or bool(present[name].all())
        else value * present[name].to(value.dtype).reshape(-1, *[1] * (value.dim() - 1))
        for name, value in inputs.items()
    }


def iterate(batches: TrainingBatches, keys: Sequence[BatchKey], *, workers: int) -> Iterator[Batch]:
    """The batches in the order of their keys. Their values do not depend on the number of workers."""
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


def channels_last(value: Tensor) -> Tensor:
    """Images and volumes channels-last, anything else as it is.

    With one channel both layouts are the same bytes, and only the stride of that channel tells them apart: it is set,
    because convolutions otherwise return the other layout and every later layer copies.
    """
    formats = {4: torch.channels_last, 5: torch.channels_last_3d}
    if value.dim() not in formats:
        return value
    moved = value.contiguous(memory_format=formats[value.dim()])
    return moved.as_strided(moved.shape, (moved.stride(0), 1, *moved.stride()[2:])) if moved.shape[1] == 1 else moved
