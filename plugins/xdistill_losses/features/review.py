"""Knowledge review: deep features help shallow ones, compared at several sizes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from xdistill.errors import SettingsError
from xdistill.types import Batch, OutputSpec
from xdistill_losses.base import Features, TapLoss
from xdistill_losses.numerics import full
from xdistill_losses.taps import Pair, Shape, TapsConfig, check_axes, pooled

LEVELS = (4, 2, 1)
Map = Float[Tensor, "batch channels *space"]
_CONVOLUTIONS = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}


def hierarchical(student: Map, teacher: Map) -> Float[Tensor, ""]:
    """Mean squared differences of the maps, and of both averaged to 4, 2 and 1 positions per axis.

    Their weights are 1, 1/2, 1/4, 1/8, divided by the sum of those that there are: a size that would not make the map
    smaller is left out. An axis that is shorter than a size stays as it is.
    """
    space = tuple(student.shape[2:])
    terms, weights = [F.mse_loss(student, teacher)], [1.0]
    for level in LEVELS:
        if any(level < size for size in space):
            smaller = tuple(min(level, size) for size in space)
            terms.append(F.mse_loss(pooled(student, smaller), pooled(teacher, smaller)))
            weights.append(weights[-1] / 2)
    weighted = [weight * term for weight, term in zip(weights, terms, strict=True)]
    return sum(weighted[1:], weighted[0]) / sum(weights)


class Fusion(nn.Module):
    """One step of the review: fuses a layer's features with those of deeper layers into a map like the teacher's.

    Args:
        inside: channels of the student's features.
        outside: channels of the teacher's.
        width: channels between.
        axes: of space.
        deepest: whether there is nothing deeper.
    """

    def __init__(self, inside: int, outside: int, *, width: int, axes: int, deepest: bool) -> None:
        super().__init__()
        convolution = _CONVOLUTIONS[axes]
        # Source: batch norm. One group per subject instead, so that a batch of one needs no special case.
        self.enter = nn.Sequential(convolution(inside, width, 1, bias=False), nn.GroupNorm(1, width))
        self.attend = None if deepest else nn.Sequential(convolution(2 * width, 2, 1), nn.Sigmoid())
        self.leave = nn.Sequential(convolution(width, outside, 3, padding=1, bias=False), nn.GroupNorm(1, outside))

    def forward(self, value: Map, deeper: Map | None, space: Shape) -> tuple[Map, Map]:
        """The map to compare with the teacher's, of size ``space``, and the input of the shallower layer."""
        value = self.enter(value)
        if self.attend is not None and deeper is not None:
            deeper = _resized(deeper, tuple(value.shape[2:]))
            share = self.attend(torch.cat([value, deeper], dim=1))
            value = value * share[:, :1] + deeper * share[:, 1:]
        value = _resized(value, space)
        return self.leave(value), value


def _resized(value: Map, space: Shape) -> Map:
    return value if tuple(value.shape[2:]) == space else F.interpolate(value, size=space, mode="nearest")


def _in_space(value: Float[Tensor, "batch channels ..."]) -> Map:
    """A vector as a map of one position."""
    return value[:, :, None] if value.ndim == 2 else value  # noqa: PLR2004 - batch and channels


class Review(TapLoss):
    r"""Each layer of the teacher is matched by the student's layer together with all deeper ones.

    .. math::
        M_l = \text{ABF}(F_{s,l}, M_{l+1}), \quad L = \sum_l \text{HCL}(M_l, F_{t,l})

    ABF is attention-based fusion: a 1 x 1 convolution, a share for own and deeper features at each position, a 3 x 3
    convolution to the teacher's channels. HCL is the hierarchical context loss: mean squared differences of the maps
    and of their averages at 4, 2 and 1 positions per axis, weights halving, divided by their sum. After Chen et al.,
    Distilling knowledge via knowledge review, CVPR 2021. ``taps`` go from shallow to deep. Normalized per subject
    (source: per batch), so that a batch of one works. ``fusion: false`` leaves HCL alone, for maps of equal shape. A
    vector is a map of one position.

    Raises:
        SettingsError: for taps of different numbers of axes, or of different shapes without fusion.
    """

    name = "review"
    config: Config

    class Config(TapsConfig):
        """Which layers, and how they are fused."""

        fusion: bool = Field(default=True, description="learn to fuse deeper layers in; false: HCL alone")
        width: Annotated[int, Field(ge=1)] | None = Field(
            default=None, description="channels of the fusion; null for those of the student's last tap, at most 512"
        )

    def __init__(self, config: Config, *, student: OutputSpec, teacher: OutputSpec) -> None:
        super().__init__(config, student=student, teacher=teacher)
        check_axes(self.pairs)
        _check(self.pairs, fusion=config.fusion)
        self.fusions = nn.ModuleList(self._fusions() if config.fusion else ())

    def _fusions(self) -> list[Fusion]:
        deepest = self.pairs[-1]
        return [
            Fusion(
                pair.student[0],
                pair.teacher[0],
                width=self.config.width or min(512, deepest.student[0]),
                axes=max(1, len(pair.student) - 1),
                deepest=pair is deepest,
            )
            for pair in self.pairs
        ]

    def terms(self, student: Sequence[Features], teacher: Sequence[Features], batch: Batch) -> list[Float[Tensor, ""]]:
        """One for each layer."""
        del batch
        ours, theirs = ([_in_space(value) for value in values] for values in (student, teacher))
        if self.config.fusion:
            ours = self._fused(ours, [tuple(value.shape[2:]) for value in theirs])
        return [hierarchical(*pair) for pair in zip(ours, theirs, strict=True)]

    def _fused(self, values: Sequence[Map], spaces: Sequence[Shape]) -> list[Map]:
        results: list[Map] = []
        deeper: Map | None = None
        for value, space, fusion in reversed(list(zip(values, spaces, self.fusions, strict=True))):
            # Half-precision weights need half-precision values; the comparison is in full precision.
            dtype = next(fusion.parameters()).dtype
            result, deeper = fusion(value.to(dtype), deeper, space)
            results.insert(0, full(result))
        return results


def _check(pairs: Sequence[Pair], *, fusion: bool) -> None:
    for first, second in pairwise(pairs):
        if fusion and len(first.student) != len(second.student):
            raise SettingsError(
                f"{first.shown()}, and {second.shown()}; deeper layers are fused into shallower ones, so all taps "
                f"must be vectors, or maps with the same number of axes",
                field="taps",
            )
    for pair in pairs:
        if not fusion and pair.student != pair.teacher:
            raise SettingsError(
                f"{pair.shown()}; without fusion the shapes must be equal: leave out `fusion: false`, or make them "
                f"equal",
                field="fusion",
            )
