"""Batches without what nobody is expected to read."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from xdistill.training.loader import BatchKey, TrainingBatches
from xdistill.types import Batch, LateInputs


class ThriftyBatches(TrainingBatches):
    """The same batches, in which modalities that nobody is expected to read are made when somebody does read them.

    Args:
        whole: the batches with everything.
        unread: names of those modalities; nothing is spared where an augmentation needs all of them.
    """

    def __init__(self, whole: TrainingBatches, unread: frozenset[str]) -> None:
        augmentations = [augmentation.without(unread) for augmentation in whole.augmentations]
        able = [augmentation for augmentation in augmentations if augmentation is not None]
        if len(able) < len(augmentations):
            able, unread = list(whole.augmentations), frozenset()
        super().__init__(whole.source, able, whole.dropout, whole.device, unread)
        self.whole = whole

    def __getitem__(self, key: BatchKey) -> Batch:
        batch = super().__getitem__(key)
        if not self.unread:
            return batch
        there = {name: value for name, value in batch.inputs.items() if name not in self.unread}
        whole = cache(lambda: self.whole[key].inputs)
        return replace(batch, inputs=LateInputs(tuple(batch.inputs), there, lambda name: whole()[name]))
