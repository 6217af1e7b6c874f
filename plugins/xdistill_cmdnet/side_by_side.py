"""Several trunks in one pass: narrow convolutions of branches as the groups of wider ones.

A processor's vectors hold more numbers than the few channels of a narrow trunk fill. Branches whose trunks are alike
therefore go side by side: their channels are put in a row, convolutions run with one group a branch, and batch norm
sees all channels at once. Each branch is computed as it is alone, up to the order of sums. Wide trunks and accelerators
have nothing to gain and go one by one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeGuard

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from xdistill.interfaces.encoder import Encoder, Encoding
from xdistill_cmdnet.encoders import MriClinicalFusion, MriOnly
from xdistill_cmdnet.trunk import Block, Trunk, multiply_channels

WIDEST = 8
"""Channels of a first block up to which side by side is faster.

Measured in whole training steps of two branches: with AVX-512 0.89 of the time at 8 channels, 1.04 at 16 and 1.2 at 32;
with AVX2, whose vectors hold 8 numbers, 1.02 at 8.
"""

Factors = Sequence[Float[Tensor, "batch _"]]


def encode(
    encoders: Mapping[str, Encoder],
    reads: Mapping[str, Sequence[str]],
    inputs: Mapping[str, Float[Tensor, "batch ..."]],
    present: Mapping[str, Bool[Tensor, " batch"]],
) -> dict[str, Encoding]:
    """What each branch makes of the modalities that it reads; in one pass where that is faster.

    Args:
        encoders: by branch.
        reads: each branch's modalities.
        inputs: by modality.
        present: which subjects have it, by modality.
    """
    parts = list(encoders.values())
    if _have_trunks(parts):
        trunks, images = [part.trunk for part in parts], [inputs[part.image] for part in parts]
        if fit_side_by_side(trunks, images) and not _told_apart(parts):
            factors = [part.factors(inputs, present) for part in parts]
            multiplied = [each for each in factors if each is not None]
            return dict(zip(encoders, run_side_by_side(trunks, images, multiplied or None), strict=True))
    return {
        name: encoder({key: inputs[key] for key in reads[name]}, {key: present[key] for key in reads[name]})
        for name, encoder in encoders.items()
    }


def _have_trunks(parts: Sequence[Encoder]) -> TypeGuard[Sequence[MriOnly | MriClinicalFusion]]:
    """Whether the branches are all of one of the two kinds of this package; a subclass may do anything."""
    return any(all(type(part) is kind for part in parts) for kind in (MriOnly, MriClinicalFusion))


def _told_apart(parts: Sequence[nn.Module]) -> bool:
    """Whether it matters which branch is which: some learn and some do not, or somebody watches a layer of one."""
    learns = {parameter.requires_grad for part in parts for parameter in part.parameters()}
    return len(learns) > 1 or any(
        module._forward_hooks or module._forward_pre_hooks  # noqa: SLF001 - there is no public way to ask
        for part in parts
        for module in part.modules()
    )


def fit_side_by_side(trunks: Sequence[Trunk], images: Sequence[Tensor]) -> bool:
    """Whether these trunks can and should be computed in one pass: alike, narrow, in one mode, on a processor."""
    first, image = trunks[0], images[0]
    return (
        len(trunks) > 1
        and image.device.type == "cpu"
        and not torch.is_autocast_enabled("cpu")
        and first.sizes.channels[0] <= WIDEST
        and all(_alike(trunk, first) for trunk in trunks)
        and all(other.shape == image.shape and other.dtype == image.dtype for other in images)
        and len({norm.training for trunk in trunks for norm in trunk.norms}) == 1
    )


def run_side_by_side(
    trunks: Sequence[Trunk], images: Sequence[Tensor], factors: Sequence[Factors] | None
) -> list[Encoding]:
    """What each trunk makes of its image, as ``trunk(image, factors)`` would; see `fit_side_by_side`.

    Args:
        trunks: of the branches.
        images: one a trunk, all of one shape.
        factors: for each trunk one tensor a block; None where nothing is multiplied.
    """
    trunks[0].check_statistics(subjects=images[0].shape[0])
    image = torch.cat(list(images), dim=1)
    for position in range(len(trunks[0].blocks)):
        factor = None if factors is None else torch.cat([each[position] for each in factors], dim=1)
        image = _block([trunk.block(position) for trunk in trunks], image, factor)
    last = _norm([trunk.last_norm for trunk in trunks], _convolve([trunk.last for trunk in trunks], image))
    maps = F.relu(last, inplace=True).chunk(len(trunks), dim=1)
    return [trunk.encoding(own) for trunk, own in zip(trunks, maps, strict=True)]


def _block(blocks: Sequence[Block], image: Tensor, factor: Tensor | None) -> Tensor:
    """As `Block.forward`, of all branches."""
    where = blocks[0].where
    image = F.relu(
        _norm([block.first_norm for block in blocks], _convolve([block.first for block in blocks], image)), inplace=True
    )
    image = _convolve([block.second for block in blocks], image)
    if factor is not None and where == "before_norm":
        image = multiply_channels(image, factor)
    image = F.relu(_norm([block.second_norm for block in blocks], image), inplace=True)
    if factor is not None and where == "after_block":
        image = multiply_channels(image, factor)
    return image


def _convolve(layers: Sequence[nn.Conv2d | nn.Conv3d], image: Tensor) -> Tensor:
    first = layers[0]
    function = F.conv3d if isinstance(first, nn.Conv3d) else F.conv2d
    bias = None if first.bias is None else torch.cat([layer.bias for layer in layers if layer.bias is not None])
    weight = torch.cat([layer.weight for layer in layers])
    stride, padding = first.stride[0], first.kernel_size[0] // 2
    return function(image, weight, bias, stride=stride, padding=padding, groups=len(layers))


def _norm(layers: Sequence[nn.BatchNorm2d | nn.BatchNorm3d], image: Tensor) -> Tensor:
    """Batch norm of all channels; every layer keeps its own running statistics."""
    first = layers[0]
    means, variances = ([_buffer(layer, name) for layer in layers] for name in ("running_mean", "running_var"))
    mean, variance = torch.cat(means), torch.cat(variances)
    weight, bias = torch.cat([layer.weight for layer in layers]), torch.cat([layer.bias for layer in layers])
    image = F.batch_norm(
        image, mean, variance, weight, bias, training=first.training, momentum=first.momentum or 0.0, eps=first.eps
    )
    if first.training:
        with torch.no_grad():
            torch._foreach_copy_(means, list(mean.chunk(len(layers))))
            torch._foreach_copy_(variances, list(variance.chunk(len(layers))))
            torch._foreach_add_([_buffer(layer, "num_batches_tracked") for layer in layers], 1)
    return image


def _buffer(layer: nn.Module, name: str) -> Tensor:
    return layer.get_buffer(name)


def _alike(trunk: Trunk, first: Trunk) -> bool:
    return trunk.sizes == first.sizes and trunk.where == first.where and trunk.pool == first.pool
