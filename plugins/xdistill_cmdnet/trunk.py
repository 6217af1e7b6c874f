"""The convolutional trunk that all of CMD-Net's branches share: four blocks, one more convolution, one vector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from xdistill.errors import SettingsError
from xdistill.interfaces.encoder import Encoding
from xdistill_cmdnet.convolution import convolve

Pool = Literal["average", "flatten"]
Where = Literal["before_norm", "after_block"]

BLOCK_CHANNELS = (64, 128, 256, 256)
"""Channels of the four blocks at width 1, as the paper states them."""

_CONVOLUTION: dict[int, type[nn.Conv2d | nn.Conv3d]] = {2: nn.Conv2d, 3: nn.Conv3d}
_NORM: dict[int, type[nn.BatchNorm2d | nn.BatchNorm3d]] = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}


@dataclass(frozen=True)
class TrunkShape:
    """The sizes of a trunk.

    Attributes:
        shape: of one image, channels first: ``(channels, *space)`` with two or three axes of space.
        channels: of the four blocks.
        features: length of the vector.
        stem_stride: of the first convolution, 1 or 2.
    """

    shape: tuple[int, ...]
    channels: tuple[int, ...]
    features: int
    stem_stride: int = 1

    @property
    def axes(self) -> int:
        """Two for images, three for volumes."""
        return len(self.shape) - 1

    @property
    def map_space(self) -> tuple[int, ...]:
        """Space of the last map: every block halves each axis and rounds up, and so does a stem of stride 2."""
        return tuple(-(-length // 2**self.halvings) for length in self.shape[1:])

    @property
    def halvings(self) -> int:
        """How often the trunk halves each axis."""
        return len(self.channels) + self.stem_stride - 1


def scaled_channels(width: float) -> tuple[int, ...]:
    """Channels of the four blocks at a width; at least one each.

    >>> scaled_channels(0.125)
    (8, 16, 32, 32)
    """
    return tuple(max(1, round(channels * width)) for channels in BLOCK_CHANNELS)


class Block(nn.Module):
    """Two 3x3x3 convolutions with batch norm and ReLU, the second with stride 2.

    One factor per channel multiplies either the second convolution's result (``before_norm``) or the whole block's
    (``after_block``). Batch norm would cancel the bias of a convolution right before it, so only a convolution
    whose result is multiplied first has one: there the bias lets the factor have an effect where the image is zero.
    """

    def __init__(self, axes: int, inside: int, outside: int, *, where: Where | None, stride: int = 1) -> None:
        super().__init__()
        convolution, norm = _CONVOLUTION[axes], _NORM[axes]
        self.where = where
        self.first = convolution(inside, outside, 3, stride=stride, padding=1, bias=False)
        self.first_norm = norm(outside)
        self.second = convolution(outside, outside, 3, stride=2, padding=1, bias=where == "before_norm")
        self.second_norm = norm(outside)

    def forward(
        self, image: Float[Tensor, "batch inside ..."], factor: Float[Tensor, "batch outside"] | None
    ) -> Float[Tensor, "batch outside ..."]:
        """The block's result, each axis of space halved and rounded up."""
        image = F.relu(self.first_norm(convolve(self.first, image)), inplace=True)
        image = self.second(image)
        if factor is not None and self.where == "before_norm":
            image = multiply_channels(image, factor)
        image = F.relu(self.second_norm(image), inplace=True)
        if factor is not None and self.where == "after_block":
            image = multiply_channels(image, factor)
        return image


def multiply_channels(
    image: Float[Tensor, "batch channels ..."], factor: Float[Tensor, "batch channels"]
) -> Float[Tensor, "batch channels ..."]:
    """Equation 1: ``Y_i(u, v) = C_i * X_i(u, v)`` for every channel i and every position."""
    return image * factor.reshape(*factor.shape, *(1,) * (image.ndim - 2))


class Trunk(nn.Module):
    """From an image, and one factor per channel and block if there are clinical data, to a vector.

    Four blocks; then one 3x3x3 convolution with batch norm and ReLU (the paper states neither, every other
    convolution has both), pooling, and one fully connected layer without activation. Weights have PyTorch's default
    initialization (Kaiming uniform) and depend on ``torch.manual_seed`` alone.

    Raises:
        SettingsError: when the image is down to one position before the last block.
    """

    def __init__(self, sizes: TrunkShape, *, pool: Pool, where: Where | None) -> None:
        super().__init__()
        check_space(sizes)
        self.sizes = sizes
        self.pool = pool
        self.where = where
        channels = (sizes.shape[0], *sizes.channels)
        self.blocks = nn.ModuleList(
            Block(sizes.axes, inside, outside, where=where, stride=1 if place else sizes.stem_stride)
            for place, (inside, outside) in enumerate(pairwise(channels))
        )
        last = sizes.channels[-1]
        self.last = _CONVOLUTION[sizes.axes](last, last, 3, padding=1, bias=False)
        self.last_norm = _NORM[sizes.axes](last)
        positions = prod(sizes.map_space) if pool == "flatten" else 1
        self.full = nn.Linear(last * positions, sizes.features)

    def forward(
        self,
        image: Float[Tensor, "batch inside ..."],
        factors: Sequence[Float[Tensor, "batch _"]] | None = None,
    ) -> Encoding:
        """The vector and the last map; ``factors`` holds one tensor per block."""
        self._check_statistics(subjects=image.shape[0])
        for position, block in enumerate(self.blocks):
            image = block(image, None if factors is None else factors[position])
        last = F.relu(self.last_norm(convolve(self.last, image)), inplace=True)
        pooled = last.flatten(1) if self.pool == "flatten" else last.mean(dim=tuple(range(2, last.ndim)))
        return Encoding(vector=self.full(pooled), map=last)

    def _check_statistics(self, *, subjects: int) -> None:
        """Refuse a training batch that batch norm cannot learn from.

        Raises:
            SettingsError: for one subject whose last map is a single position.
        """
        if self.training and subjects == 1 and prod(self.sizes.map_space) == 1:
            raise SettingsError(
                "batch norm cannot learn from one subject whose last map is a single position; use larger images, or "
                "`loader.drop_last: true` if only the last batch of an epoch has one subject"
            )


def check_space(sizes: TrunkShape) -> None:
    """Refuse images that are a single position before the last block.

    Raises:
        SettingsError: naming the size and the smallest one that works.
    """
    smallest = 2 ** (sizes.halvings - 1) + 1
    if max(sizes.shape[1:]) < smallest:
        size = "x".join(str(length) for length in sizes.shape[1:])
        raise SettingsError(
            f"an image of {size} is a single position before the last of {len(sizes.channels)} blocks of stride 2; "
            f"use images of at least {smallest} along one axis",
            field="inputs",
        )
