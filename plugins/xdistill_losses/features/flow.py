"""Flow of solution procedure: products of the features of one layer with those of the next."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated

from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from xdistill.errors import SettingsError
from xdistill.types import Batch, OutputSpec
from xdistill_losses.adapters import build_adapters
from xdistill_losses.base import AdaptedConfig, Features, TapLoss
from xdistill_losses.taps import channels, check_axes, same_space


def flow(
    first: Float[Tensor, "batch channels ..."], second: Float[Tensor, "batch channels2 ..."]
) -> Float[Tensor, "batch channels channels2"]:
    """Products of the channels of two layers, averaged over positions; the larger map is averaged to the smaller."""
    ours, theirs = (channels(value) for value in same_space(first, second))
    return ours @ theirs.transpose(1, 2) / ours.shape[2]


class Flow(TapLoss):
    r"""Products of one layer's channels with the next layer's match the teacher's.

    .. math::
        G_{cd} = \frac{1}{P} \sum_p F^{(1)}_{cp} F^{(2)}_{dp}, \quad
        L = \sum_{\text{pairs}} \frac{1}{B C D} \sum_i \lVert G_{s,i} - G_{t,i} \rVert^2

    After Yim et al., A gift from knowledge distillation: fast optimization, network minimization and transfer learning,
    CVPR 2017, equations 1 and 2; the mean squared error of the matrices, as in public code, and every pair has
    the same weight. ``taps`` are layers in order; each two neighbours are a pair. A vector is a map of one position.

    Raises:
        SettingsError: for neighbours of which one is a vector and the other a map.
    """

    name = "fsp"
    config: Config

    class Config(AdaptedConfig):
        """Which layers."""

        taps: Annotated[tuple[str, ...], Field(min_length=2)] = Field(
            description="features of two layers or more, in order; a term for each two neighbours, summed"
        )

    def __init__(self, config: Config, *, student: OutputSpec, teacher: OutputSpec) -> None:
        super().__init__(config, student=student, teacher=teacher)
        check_axes(self.pairs)
        for first, second in pairwise(self.pairs):
            if len(first.student) != len(second.student):
                raise SettingsError(
                    f"{first.shown()}, and {second.shown()}; neighbouring layers need the same number of axes: name "
                    f"taps that are all maps or all vectors",
                    field="taps",
                )
        self.adapters = build_adapters(self.pairs, config.adapter)

    def terms(self, student: Sequence[Features], teacher: Sequence[Features], batch: Batch) -> list[Float[Tensor, ""]]:
        """One for each two neighbours."""
        del batch
        ours = [adapter(value) for value, adapter in zip(student, self.adapters, strict=True)]
        return [
            F.mse_loss(flow(*layers), flow(*their_layers))
            for layers, their_layers in zip(pairwise(ours), pairwise(teacher), strict=True)
        ]
