"""What the losses of this package share: full precision, targets, the log-probabilities of other classes."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import AbstractContextManager, nullcontext

import torch
from jaxtyping import Float, Int
from torch import Tensor

from xdistill.interfaces.loss import DistillationLoss
from xdistill.types import Batch, Output

TWO = 2


class LogitLoss(DistillationLoss):
    """Compares logits, in float32 at least."""

    def forward(self, student: Output, teacher: Output, batch: Batch) -> Float[Tensor, ""]:
        """The loss of a batch."""
        with in_full_precision(student.logits):
            return self.compare(full(student.logits), full(teacher.logits), batch)

    @abstractmethod
    def compare(
        self,
        student: Float[Tensor, "batch classes"],
        teacher: Float[Tensor, "batch classes"],
        batch: Batch,
    ) -> Float[Tensor, ""]:
        """The loss of the logits."""


def full(value: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """The same values in float32 at least."""
    return value if value.dtype == torch.float64 else value.float()


def in_full_precision(value: Tensor) -> AbstractContextManager[object]:
    """A context without autocast."""
    kind = value.device.type
    return torch.autocast(kind, enabled=False) if torch.is_autocast_enabled(kind) else nullcontext()


def labels(batch: Batch) -> Int[Tensor, " batch"]:
    """The target of a training batch.

    Raises:
        ValueError: for a batch without one; training batches have it.
    """
    if batch.target is None:
        msg = "this loss needs a target, and the batch has none"
        raise ValueError(msg)
    return batch.target


def others(
    logits: Float[Tensor, "batch classes"], target: Int[Tensor, " batch"]
) -> Float[Tensor, "batch classes_less_one"]:
    """The logits of all classes but the true one, in their order."""
    batch, classes = logits.shape
    index = torch.arange(classes - 1, device=logits.device)
    return logits.gather(1, (index + (index >= target[:, None])).expand(batch, -1))
