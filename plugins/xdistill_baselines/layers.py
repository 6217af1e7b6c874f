"""Fully connected layers, which every baseline ends with."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import nn


def fully_connected(sizes: Sequence[int]) -> nn.Sequential:
    """Layers of these lengths, the input's first, with ReLU between them and none after the last.

    >>> [type(layer).__name__ for layer in fully_connected((8, 4, 3))]
    ['Linear', 'ReLU', 'Linear']
    """
    layers: list[nn.Module] = []
    for inside, outside in pairwise(sizes):
        layers += [nn.Linear(inside, outside), nn.ReLU()]
    return nn.Sequential(*layers[:-1])
