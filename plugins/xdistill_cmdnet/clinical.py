"""Fully connected layers from clinical items to one factor per channel of each block."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F


class ClinicalFactors(nn.Module):
    """Four fully connected layers with SELU, one per block.

    Args:
        columns: number of clinical items after the transforms.
        channels: of the blocks.
        chain: each layer reads the one before it (Duanmu et al., MICCAI 2020); else all read the items.
    """

    def __init__(self, columns: int, channels: Sequence[int], *, chain: bool) -> None:
        super().__init__()
        self.chain = chain
        inside = [columns, *channels[:-1]] if chain else [columns] * len(channels)
        self.layers = nn.ModuleList(
            nn.Linear(length, outside) for length, outside in zip(inside, channels, strict=True)
        )

    def forward(
        self, clinical: Float[Tensor, "batch columns"], present: Bool[Tensor, " batch"]
    ) -> list[Float[Tensor, "batch _"]]:
        """Factors of each block; all ones for subjects without clinical data, whose image passes unchanged."""
        factors: list[Tensor] = []
        value = clinical
        known = present.unsqueeze(1)
        for layer in self.layers:
            factor = F.selu(layer(value))
            factors.append(factor.where(known, 1.0))
            value = factor if self.chain else clinical
        return factors
