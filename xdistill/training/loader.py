"""From the cohort cache to batches, in memory when the cohort fits and streamed when it does not."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xdistill.data import Cohort, FittedTransforms
from xdistill.interfaces.augmentation import Augmentation
from xdistill.training.seeds import derive
from xdistill.types import Batch, each

Rows = NDArray[np.int64]
_PAIR = 2


class Source:
    """Hands out subjects of a cohort after the transforms.

    Args:
        cohort: the cohort.
        transforms: fitted on the training subjects of the split.
        modalities: what to hand out.
        memory_mb: with more than this, values are read from disk batch by batch.
        filled: vectors that subjects who lack them get filled in by the transforms, as if every value of theirs were
            missing. Whatever else is absent is zeros.
        moved: by modality, whose values a row is given, ``(subjects,)``; elsewhere its own.
    """

    def __init__(
        self,
        cohort: Cohort,
        transforms: FittedTransforms,
        modalities: Sequence[str],
        *,
        memory_mb: int,
        filled: Collection[str] = (),
        moved: Mapping[str, Rows] | None = None,
    ) -> None:
        self.cohort = cohort
        self.transforms = transforms
        self.modalities = tuple(modalities)
        vectors = {name for name in modalities if cohort.schema.modalities[name].kind == "vector"}
        self.filled = frozenset(vectors.intersection(filled))
        self._moved = moved or {}
        self._present = {name: torch.from_numpy(cohort.present(name).astype(bool)) for name in modalities}
        self._targets = torch.from_numpy(np.asarray(cohort.targets, dtype=np.int64))
        self.in_memory = _megabytes(cohort, modalities) <= memory_mb
        self._tensors = {name: self._whole(name) for name in modalities} if self.in_memory else {}

    def _whole(self, modality: str) -> Tensor:
        return self._transformed(modality, np.arange(len(self.cohort.subjects)))

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

    def stand_in(self, modality: str) -> Tensor:
        """What a subject without the modality is given, ``(*shape)``."""
        if modality not in self.filled:
            return torch.zeros(self.transforms.schema.modalities[modality].shape)
        nothing = np.full((1, *self.cohort.schema.modalities[modality].shape), np.nan)
        return torch.from_numpy(self.transforms.apply(modality, nothing)[0])

    def batch(self, rows: Rows, modalities: Sequence[str], *, target: bool, unread: Collection[str] = ()) -> Batch:
        """Some subjects with the named modalities, but for the values of those that are unread.

        The target is there only where it is asked for.
        """
        given = {name: self._moved[name][rows] if name in self._moved else rows for name in modalities}
        return Batch(
            inputs={name: self._values(name, own) for name, own in given.items() if name not in unread},
            present={name: self._present[name][torch.from_numpy(own)] for name, own in given.items()},
            subjects=tuple(self.cohort.subjects[row] for row in rows),
            target=self._targets[torch.from_numpy(rows)] if target else None,
        )


@dataclass(frozen=True)
class BatchKey:
    """Which subjects a batch holds, and the seed of its augmentation."""

    rows: Rows
    seed: int


def epoch_keys(
    rows: Rows, *, batch_size: int, drop_last: bool, seed: int, complete: NDArray[np.bool_] | None = None
) -> list[BatchKey]:
    """The batches of one epoch, shuffled by the seed.

    A last batch of a single subject joins the one before it, since batch statistics of one subject mean nothing.

    Args:
        rows: of the cohort.
        batch_size: subjects a batch.
        drop_last: leave out a last batch that is not full.
        seed: of the shuffle.
        complete: which of the cohort's subjects the teacher sees, ``(cohort,)``; these are dealt evenly over the
            batches, two to each that gets any. None: no matter.
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
        batches = deal(batches, complete)
    return [BatchKey(batch, derive(seed, "augment", index)) for index, batch in enumerate(batches)]


def deal(batches: Sequence[Rows], complete: NDArray[np.bool_]) -> list[Rows]:
    """Batches of the same sizes and the same subjects, over which the complete ones are dealt evenly.

    Where there are too few to give every batch two, as many batches as can be get two and the others none: the teacher
    learns nothing from one subject alone. Within complete and incomplete subjects the order stays.
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
    roomy = [place for place, size in enumerate(sizes) if size >= _PAIR] or list(range(len(sizes)))
    served = max(1, min(len(roomy), count // _PAIR))
    for turn in range(served):
        place = roomy[turn * len(roomy) // served]
        shares[place] = min(sizes[place], count * (turn + 1) // served - count * turn // served)
    for place, size in enumerate(sizes):  # what a small batch had no room for
        shares[place] += min(size - shares[place], count - sum(shares))
    return shares


class TrainingBatches:
    """Augmented training batches by key; usable from worker processes.

    Args:
        source: of the subjects.
        augmentations: in the order in which they are applied.
        dropout: withholds modalities of a batch, given a seed.
        device: where batches are changed; see `where_augmented`.
        unread: modalities of which batches hold the shape alone, in tensors that take no memory.
    """

    def __init__(
        self,
        source: Source,
        augmentations: Sequence[Augmentation],
        dropout: Callable[[Batch, int], Batch] | None = None,
        device: torch.device | None = None,
        unread: Collection[str] = (),
    ) -> None:
        self.source = source
        self.augmentations = tuple(augmentations)
        self.dropout = dropout
        self.device = device or torch.device("cpu")
        self.unread = frozenset(unread)

    def __getitem__(self, key: BatchKey) -> Batch:
        batch = self.source.batch(key.rows, self.source.modalities, target=True, unread=self.unread).to(self.device)
        if self.unread:
            batch = replace(batch, inputs={name: self._values_or_shape(name, batch) for name in self.source.modalities})
        batch = self._augmented(batch, key)
        return batch if self.dropout is None else self.dropout(batch, derive(key.seed, "modality_dropout"))

    def _values_or_shape(self, modality: str, batch: Batch) -> Tensor:
        if modality in batch.inputs:
            return batch.inputs[modality]
        shape = self.source.transforms.schema.modalities[modality].shape
        return torch.zeros((), device=self.device).expand(len(batch), *shape)

    def _augmented(self, batch: Batch, key: BatchKey) -> Batch:
        if not self.augmentations:
            return batch
        generator = torch.Generator().manual_seed(key.seed)
        inputs: Mapping[str, Tensor] = batch.inputs
        for augmentation in self.augmentations:
            inputs = augmentation(inputs, generator)
        return replace(batch, inputs=_absent_stay_zero(inputs, batch.present, but=self.source.filled))


def where_augmented(augmentations: Sequence[Augmentation], device: torch.device, *, workers: int) -> torch.device:
    """Where training batches are changed: where steps compute, if all augmentations can and no process prepares them.

    Random numbers are drawn on the processor either way, so that they do not depend on the device.
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
    return replace(batch, inputs=each(batch.inputs, convert))


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
