"""A small residual network for images of two axes."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

_CHANNELS = (64, 128, 256, 512)
_BLOCKS = 2


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with batch norm, around which the image is added back."""

    def __init__(self, inside: int, outside: int, *, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inside, outside, 3, stride=stride, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(outside)
        self.second = nn.Conv2d(outside, outside, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(outside)
        self.around: nn.Module = nn.Identity()
        if stride > 1 or inside != outside:
            self.around = nn.Sequential(
                nn.Conv2d(inside, outside, 1, stride=stride, bias=False), nn.BatchNorm2d(outside)
            )

    def forward(self, image: Float[Tensor, "batch inside height width"]) -> Float[Tensor, "batch outside _ _"]:
        """The block's result; height and width are divided by the stride and rounded up."""
        within = self.second_norm(self.second(F.relu(self.first_norm(self.first(image)))))
        return F.relu(within + self.around(image))


class ResNet(nn.Module):
    """ResNet-18 without its classifier (He et al., Deep residual learning for image recognition, CVPR 2016).

    Args:
        channels: of the image.
        width: factor of all channels, which are 64, 128, 256 and 512 at width 1.

    Attributes:
        features: length of the vector.
    """

    def __init__(self, channels: int, *, width: float) -> None:
        super().__init__()
        sizes = [max(1, round(count * width)) for count in _CHANNELS]
        self.stem = nn.Conv2d(channels, sizes[0], 7, stride=2, padding=3, bias=False)
        self.stem_norm = nn.BatchNorm2d(sizes[0])
        blocks: list[nn.Module] = []
        inside = sizes[0]
        for level, outside in enumerate(sizes):
            for index in range(_BLOCKS):
                blocks.append(ResidualBlock(inside, outside, stride=2 if level and not index else 1))
                inside = outside
        self.blocks = nn.Sequential(*blocks)
        self.features = sizes[-1]

    def forward(self, image: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch features"]:
        """The last map, averaged over positions."""
        image = F.relu(self.stem_norm(self.stem(image)))
        image = F.max_pool2d(image, 3, stride=2, padding=1)
        vector: Tensor = self.blocks(image).mean(dim=(2, 3))
        return vector
