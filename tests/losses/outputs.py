"""Made-up outputs."""

from __future__ import annotations

import torch

from xdistill.types import Batch, Output


def make_batch(subjects, target=None):
    """Subjects without inputs, of classes in turn unless told otherwise."""
    classes = torch.arange(subjects) % 3 if target is None else torch.as_tensor(target)
    return Batch({}, {}, tuple(f"s{place}" for place in range(subjects)), classes)


def randoms(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def of_feature(value, *, classes=3):
    """An output with one tap."""
    return Output(torch.zeros(len(value), classes, dtype=value.dtype), {"tap": value})


def of_logits(rows):
    return Output(torch.as_tensor(rows, dtype=torch.float64))
