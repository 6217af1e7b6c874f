"""The targets of a batch as losses of regression compare them."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from xdistill.types import Batch
from xdistill_losses.base import labels


def targets_of(batch: Batch, values: Float[Tensor, "batch targets"]) -> Float[Tensor, "batch targets"]:
    """The targets in the shape and precision of a network's outputs; a single target may be ``(batch,)``."""
    return labels(batch).to(values.dtype).reshape(values.shape)
