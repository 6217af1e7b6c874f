"""Fusion by concatenation."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from xdistill.interfaces.component import Settings
from xdistill.interfaces.encoder import Encoding
from xdistill.interfaces.fusion import BranchSpec, Fusion


class Concat(Fusion):
    """Concatenates the branches' vectors in the recipe's order."""

    name = "concat"

    def __init__(self, config: Settings, *, branches: Mapping[str, BranchSpec]) -> None:
        super().__init__(config, branches=branches)
        self.width = sum(spec.width for spec in branches.values())

    def forward(self, encodings: Mapping[str, Encoding]) -> Float[Tensor, "batch width"]:
        """Concatenate a batch."""
        return torch.cat([encodings[name].vector for name in self.branches], dim=-1)
