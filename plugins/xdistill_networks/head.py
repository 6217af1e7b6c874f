"""The head: from a vector to logits."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

from pydantic import Field
from torch import nn

from xdistill.interfaces.component import Settings


class HeadConfig(Settings):
    """Settings of a head; without hidden layers it is one fully connected layer, as in CMD-Net's student."""

    hidden: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        default=(), description="lengths of the hidden layers; CMD-Net's teacher has one"
    )
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.0, description="share of values dropped before each fully connected layer"
    )


def build_head(config: HeadConfig, *, width: int, outputs: int) -> nn.Sequential:
    """Fully connected layers with ReLU between them."""
    sizes = [width, *config.hidden]
    layers: list[nn.Module] = []
    for inside, outside in pairwise(sizes):
        layers += [*_dropout(config), nn.Linear(inside, outside), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, *_dropout(config), nn.Linear(sizes[-1], outputs))


def _dropout(config: HeadConfig) -> list[nn.Module]:
    return [nn.Dropout(config.dropout)] if config.dropout else []
