"""Precision of losses."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, float64


def full(value: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """The same values in float32 at least: exponentials of half-precision numbers are too coarse for a loss."""
    return value if value.dtype == float64 else value.float()
