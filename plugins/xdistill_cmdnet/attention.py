"""Attention over the tokens of several sources, as pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

Normalize = Literal["joint", "per_source", "none"]

Tokens = Float[Tensor, "batch _ width"]
Heads = Float[Tensor, "batch heads _ depth"]


def attend(
    queries: Sequence[Tokens], keys: Sequence[Tokens], values: Sequence[Tokens], *, normalize: Normalize, heads: int
) -> Tokens:
    """The sum over sources s of ``weight(Q_s K_s^T) V_s``.

    In equations 2 and 3 one query attends to all sources; in the text each source has its own query.

    Args:
        queries: one per source; all with the same number of tokens.
        keys: of each source; sources may differ in their number of tokens.
        values: of each source, as many as keys.
        normalize: ``joint`` weighs by a softmax over the keys of all sources together, ``per_source`` by one
            over each source's own keys, both of scores divided by the square root of a head's depth;
            ``none`` uses the products themselves.
        heads: number of parts that the width is split into; each part attends separately.
    """
    asked = [split_heads(query, heads) for query in queries]
    scores = [query @ split_heads(key, heads).mT for query, key in zip(asked, keys, strict=True)]
    weights = _weights(scores, normalize, depth=asked[0].shape[-1])
    parts = [weight @ split_heads(value, heads) for weight, value in zip(weights, values, strict=True)]
    return join_heads(torch.stack(parts).sum(dim=0))


def split_heads(tokens: Tokens, heads: int) -> Heads:
    """``(batch, tokens, heads * depth)`` to ``(batch, heads, tokens, depth)``."""
    return torch.unflatten(tokens, -1, (heads, -1)).transpose(1, 2)


def join_heads(parts: Heads) -> Tokens:
    """The inverse of `split_heads`."""
    return parts.transpose(1, 2).flatten(2)


def _weights(scores: Sequence[Tensor], normalize: Normalize, *, depth: int) -> Sequence[Tensor]:
    if normalize == "none":
        return scores
    scale = 1.0 / sqrt(depth)
    if normalize == "per_source":
        return [torch.softmax(score * scale, dim=-1) for score in scores]
    joint = torch.softmax(torch.cat(list(scores), dim=-1) * scale, dim=-1)
    return torch.split(joint, [score.shape[-1] for score in scores], dim=-1)
