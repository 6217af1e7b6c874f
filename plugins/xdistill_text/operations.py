"""The transform ``tfidf`` as operations on tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor, nn

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class TfidfOperations(nn.Module):
    """Counts ``(subjects, words)`` in float64 to weights in float32, as `Tfidf.apply`.

    Args:
        weights: of the words, ``(words,)``.
        logarithmic: as in the transform's settings.
    """

    weights: Tensor

    def __init__(self, weights: NDArray[np.float64], *, logarithmic: bool) -> None:
        super().__init__()
        self.logarithmic = logarithmic
        self.register_buffer("weights", torch.from_numpy(weights.copy()))

    def forward(self, counts: Float[Tensor, "batch words"]) -> Float[Tensor, "batch words"]:
        """Weights of a batch, each row of length 1 or all zeros."""
        if self.logarithmic:
            counts = torch.where(counts > 0, 1 + counts.clamp(min=1).log(), 0.0)
        weighted = counts * self.weights
        length = weighted.square().sum(dim=1, keepdim=True).sqrt()
        empty = length == 0
        return torch.where(empty, 0.0, weighted / torch.where(empty, 1.0, length)).float()
