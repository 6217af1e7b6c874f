"""A workaround for a bug in half-precision convolutions on the CPU."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

_VOLUME_DIMENSIONS = 5
_DEFECTIVE_DEPTH = 2


def convolve(
    layer: nn.Conv2d | nn.Conv3d, image: Float[Tensor, "batch inside ..."]
) -> Float[Tensor, "batch outside ..."]:
    """``layer(image)``, for a layer of stride 1 with kernel 3 and padding 1.

    oneDNN 3.12 (PyTorch 2.13) leaves part of such a layer's weight gradient unwritten in bfloat16 on the CPU when
    the volume is 2 deep, as the last maps of small volumes are: training then diverges at random, often
    without an error. That case alone is computed in float32 and rounded.
    """
    dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else image.dtype
    two_deep = image.dim() == _VOLUME_DIMENSIONS and image.shape[2] == _DEFECTIVE_DEPTH
    if not (two_deep and dtype == torch.bfloat16 and image.device.type == "cpu"):
        return layer(image)  # type: ignore[no-any-return]  # nn.Module.__call__ is not typed
    with torch.autocast("cpu", enabled=False):
        exact = nn.functional.conv3d(image.float(), layer.weight.float(), stride=layer.stride, padding=1)
    return exact.to(dtype)
