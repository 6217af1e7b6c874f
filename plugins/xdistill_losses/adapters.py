"""Learned maps from the student's channels to the teacher's."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from xdistill.errors import SettingsError
from xdistill_losses.numerics import full
from xdistill_losses.taps import Pair, channels

AdapterChoice = Literal["auto", "always", "none"]


class Pointwise(nn.Module):
    """Linear maps of the channels, the same at every position, with ReLU between them (1 x 1 convolutions).

    Args:
        sizes: numbers of channels, from the input's to the output's.
    """

    def __init__(self, *sizes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inside, outside in pairwise(sizes):
            layers += [nn.ReLU(), nn.Conv1d(inside, outside, kernel_size=1)]
        self.layers = nn.Sequential(*layers[1:])

    def forward(self, value: Float[Tensor, "batch channels ..."]) -> Float[Tensor, "batch outputs ..."]:
        """Map a batch of vectors, maps or volumes; the result has float32 at least."""
        # Weights may be in half precision (`precision: bf16-true`); the values are in full precision.
        dtype = next(self.parameters()).dtype
        mapped = full(self.layers(channels(value).to(dtype)))
        return mapped.reshape(*mapped.shape[:2], *value.shape[2:])


def build_adapters(pairs: Sequence[Pair], choice: AdapterChoice) -> nn.ModuleList:
    """One adapter per tap: a linear one, or the identity where the numbers of channels agree.

    Raises:
        SettingsError: when they do not agree and no adapter is wanted.
    """
    return nn.ModuleList(_adapter(pair, choice) for pair in pairs)


def _adapter(pair: Pair, choice: AdapterChoice) -> nn.Module:
    ours, theirs = pair.student[0], pair.teacher[0]
    if choice == "none" and ours != theirs:
        raise SettingsError(
            f"{pair.shown()}; {ours} and {theirs} channels cannot be compared. Set `adapter: auto`, which learns a "
            f"linear map from the student's to the teacher's, or make the numbers equal",
            field="adapter",
        )
    return Pointwise(ours, theirs) if choice == "always" or ours != theirs else nn.Identity()
