"""Numerics shared by the losses: precision, unit vectors, correlations, distances."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from math import inf

import torch
from jaxtyping import Float
from torch import Tensor

TINY = 1e-12


def full(value: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """The same values in float32 at least: half precision is too coarse for squares and exponentials."""
    return value if value.dtype == torch.float64 else value.float()


def in_full_precision(value: Tensor) -> AbstractContextManager[object]:
    """A context without autocast, for matrix products in full precision."""
    kind = value.device.type
    return torch.autocast(kind, enabled=False) if torch.is_autocast_enabled(kind) else nullcontext()


def nothing(value: Tensor) -> Float[Tensor, ""]:
    """Zero with the graph of ``value``: a loss of relations for a single subject."""
    return 0.0 * value.sum()


def unit(value: Float[Tensor, "*shape"], *, dim: int) -> Float[Tensor, "*shape"]:
    """``value`` divided by its L2 length along ``dim``.

    Zeros have no direction: they stay zeros and get no gradient. ``0 / 0`` would give NaN, and a small constant in
    the denominator a gradient as large as its inverse.
    """
    length = torch.linalg.vector_norm(value, dim=dim, keepdim=True)
    direction: Tensor = value / length.masked_fill(length <= TINY, inf)
    return direction


def correlation(first: Float[Tensor, "rows columns"], second: Float[Tensor, "rows columns"]) -> Float[Tensor, " rows"]:
    """Pearson's correlation of each row; zero where a row is constant."""
    ours, theirs = (value - value.mean(dim=1, keepdim=True) for value in (first, second))
    lengths = torch.linalg.vector_norm(ours, dim=1) * torch.linalg.vector_norm(theirs, dim=1)
    found: Tensor = (ours * theirs).sum(dim=1) / lengths.masked_fill(lengths <= TINY**2, inf)
    return found


def distances(features: Float[Tensor, "batch width"]) -> Float[Tensor, "batch batch"]:
    """Euclidean distances between rows, by one matrix product.

    The product loses digits if rows are far from the origin, so they are centred first. Rows that differ by less than
    the rounding error count as equal: distance zero, no gradient.
    """
    centred = features - features.mean(dim=0)
    squares = centred.square().sum(dim=1)
    scale = squares[:, None] + squares
    squared = scale - 2 * centred @ centred.T
    equal = squared <= 4 * torch.finfo(features.dtype).eps * scale
    equal.fill_diagonal_(fill_value=True)
    return squared.masked_fill(equal, 1.0).sqrt().masked_fill(equal, 0.0)
