"""Fusions: from the encodings of several branches to one vector."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from xdistill.interfaces.component import Component, Settings
from xdistill.interfaces.encoder import Encoding


@dataclass(frozen=True)
class BranchSpec:
    """What a fusion can expect of a branch: the length of its vector, the channels of its map (0: none)."""

    width: int
    map_channels: int = 0


class Fusion(Component, nn.Module):
    """Joins the encodings of all branches into one vector.

    ``__init__(config, *, branches)`` gets one `BranchSpec` per branch, in the recipe's order, and sets `width`.

    Attributes:
        width: length of the fused vector.
    """

    width: int

    def __init__(self, config: Settings, *, branches: Mapping[str, BranchSpec]) -> None:
        super().__init__()
        self.config = config
        self.branches = dict(branches)

    @abstractmethod
    def forward(self, encodings: Mapping[str, Encoding]) -> Float[Tensor, "batch width"]:
        """Fuse a batch; subjects must not influence each other."""
