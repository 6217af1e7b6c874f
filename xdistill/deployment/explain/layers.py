"""Where Grad-CAM looks: a convolution for each image, chosen by what it depends on and by its number of positions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from xdistill.deployment.explain.scoring import Scoring, Subject
from xdistill.errors import UserError

POSITIONS = 4  # along two axes at least: a map of fewer cannot say where


@dataclass(frozen=True)
class Site:
    """A layer, as seen by one modality.

    Attributes:
        layer: its name in the network.
        part: the row of its output that belongs to the modality, where a network passes several modalities through
            one encoder as one batch.
        space: positions of its map along each axis.
    """

    layer: str
    part: int
    space: tuple[int, ...]

    def describe(self) -> str:
        """Name and size."""
        return f"{self.layer} ({'x'.join(map(str, self.space))})"


@dataclass(frozen=True)
class _Seen:
    name: str
    output: Tensor


def find_sites(subject: Subject, patterns: Sequence[str] = ()) -> dict[str, Site]:
    """A layer for each image.

    Without patterns it is the last convolution that depends on the image and whose map has at least four positions
    along two axes. If there is none, it is the last convolution of all.

    Args:
        subject: one subject of a network.
        patterns: names of layers to use instead, such as ``branches.hbp.trunk.last`` or ``*.trunk.last``; an image that
            none of them depends on gets its layer automatically.

    Raises:
        UserError: for a pattern that matches no layer, and for an image that no convolution sees as it is.
    """
    network = subject.scoring.network
    chosen = {name for name, _ in network.named_modules() if any(fnmatchcase(name, one) for one in patterns)}
    for one in patterns:
        if not any(fnmatchcase(name, one) for name, _ in network.named_modules() if name):
            raise UserError(f"the student has no layer `{one}`; its convolutions: {_listed(network)}")
    automatic = {name for name, module in network.named_modules() if isinstance(module, _ConvNd)}
    leaves = subject.leaves()
    seen = _outputs(subject.scoring, leaves, automatic | chosen)
    found = {}
    for name, leaf in zip(subject.values, leaves, strict=True):
        if name in subject.images:
            fitting = [one for one in reversed(seen) if one.output.ndim == leaf.ndim]
            own = _last([one for one in fitting if one.name in chosen], leaf)
            site = own or _automatic([one for one in fitting if one.name in automatic], leaf)
            if site is None:
                raise UserError(
                    f"the student `{network.name}` has no convolution along the axes of `{name}`, which Grad-CAM "
                    f"needs; use `--method ig` or `--method occlusion`"
                )
            found[name] = site
    return found


def _outputs(scoring: Scoring, leaves: Sequence[Tensor], names: set[str]) -> list[_Seen]:
    """Outputs of layers in the order in which they are computed; layers that are used twice are left out."""
    seen: list[_Seen] = []

    def hook_for(name: str) -> object:
        def hook(_module: nn.Module, _inputs: object, output: object) -> None:
            if isinstance(output, Tensor):
                seen.append(_Seen(name, output))

        return hook

    handles = [
        module.register_forward_hook(hook_for(name))
        for name, module in scoring.network.named_modules()
        if name in names
    ]
    try:
        scoring(*leaves)
    finally:
        for handle in handles:
            handle.remove()
    uses = [one.name for one in seen]
    return [one for one in seen if uses.count(one.name) == 1]


def _last(candidates: list[_Seen], leaf: Tensor) -> Site | None:
    """The first of the candidates that depends on the image."""
    for one in candidates:
        if (part := _part(one.output, leaf)) is not None:
            return Site(one.name, part, tuple(one.output.shape[2:]))
    return None


def _automatic(candidates: list[_Seen], leaf: Tensor) -> Site | None:
    """The first with enough positions, else the first of all."""
    large = [one for one in candidates if sorted(one.output.shape[2:])[-2] >= POSITIONS]
    return _last(large, leaf) or _last(candidates, leaf)


def _part(output: Tensor, leaf: Tensor) -> int | None:
    """The row of a layer's output that depends on a modality of one subject; None if none or several do."""
    if not output.requires_grad:
        return None
    weights = torch.linspace(1, 2, output[0].numel(), device=output.device).reshape(output.shape[1:])
    found = []
    for part in range(len(output)):
        gradients: tuple[Tensor | None, ...] = torch.autograd.grad(
            (output[part] * weights).sum(), leaf, retain_graph=True, allow_unused=True
        )
        gradient = gradients[0]
        if gradient is not None and (len(output) == 1 or bool(gradient.any())):
            found.append(part)
    return found[0] if len(found) == 1 else None


def on_grid(values: NDArray[np.float32], shape: Sequence[int]) -> NDArray[np.float32]:
    """A layer's map on the grid of its image, by linear interpolation.

    Position ``j`` of a layer lies at ``j * stride`` of the image where convolutions have odd kernels and are padded to
    keep an image's size, and each stride of 2 halves it and rounds up, as is the rule in networks that read images.
    Other maps are stretched to cover the image.

    Args:
        values: ``(*positions)``.
        shape: of the image.
    """
    axes = [_coordinates(length, positions) for length, positions in zip(shape, values.shape, strict=True)]
    places = np.meshgrid(*axes, indexing="ij")
    result: NDArray[np.float32] = map_coordinates(values, places, order=1, mode="nearest").astype(np.float32)
    return result


def _coordinates(length: int, positions: int) -> NDArray[np.float64]:
    """The index in a layer's map of each index of the image, along one axis."""
    stride, left = 1, length
    while left > positions:
        stride, left = 2 * stride, -(-left // 2)
    if left == positions:
        return np.arange(length) / stride
    return (np.arange(length) + 0.5) * positions / length - 0.5


def _listed(network: nn.Module) -> str:
    names = [name for name, module in network.named_modules() if isinstance(module, _ConvNd)]
    return ", ".join(names) or "none"
