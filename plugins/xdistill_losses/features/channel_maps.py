"""Channels of maps: as samples of a distribution, and as distributions over positions."""

from __future__ import annotations

from typing import Annotated

from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from xdistill.types import OutputSpec
from xdistill_losses.base import AdaptedConfig, AdaptedLoss, Features, MapLoss
from xdistill_losses.numerics import unit
from xdistill_losses.taps import TapsConfig, check_lengths, check_positions, positions, same_space


def selectivity(
    student: Float[Tensor, "batch channels positions"], teacher: Float[Tensor, "batch channels2 positions"]
) -> Float[Tensor, ""]:
    """The squared maximum mean discrepancy of both sets of channels, kernel ``(a . b)^2``, mean over subjects."""
    ours, theirs = unit(student, dim=2), unit(teacher, dim=2)

    def mean_kernel(first: Tensor, second: Tensor) -> Tensor:
        return (first @ second.transpose(1, 2)).square().mean()

    return mean_kernel(theirs, theirs) + mean_kernel(ours, ours) - 2 * mean_kernel(ours, theirs)


class NeuronSelectivity(MapLoss):
    r"""The student's channels are distributed as the teacher's, each channel a pattern over positions.

    .. math::
        k(a, b) = (a^T b)^2, \quad
        L = \overline{k(\hat F_t, \hat F_t)} + \overline{k(\hat F_s, \hat F_s)} - 2\, \overline{k(\hat F_s, \hat F_t)}

    with each channel of length one, and means over pairs of channels and over subjects: a squared maximum mean
    discrepancy. After Huang and Wang, Like what you like: knowledge distill via neuron selectivity transfer, 2017,
    the polynomial kernel of degree 2 with c = 0. Numbers of channels may differ. A vector is one
    channel whose elements are the positions.

    Raises:
        SettingsError: for vectors of different lengths, and for maps of one position.
    """

    name = "nst"

    def __init__(self, config: TapsConfig, *, student: OutputSpec, teacher: OutputSpec) -> None:
        super().__init__(config, student=student, teacher=teacher)
        check_lengths(self.pairs)
        check_positions(self.pairs)

    def compare(self, student: Features, teacher: Features, index: int) -> Float[Tensor, ""]:
        """The term of a tap."""
        del index
        ours, theirs = same_space(student, teacher)
        return selectivity(positions(ours), positions(theirs))


def channel_divergence(
    student: Float[Tensor, "batch channels positions"],
    teacher: Float[Tensor, "batch channels positions"],
    *,
    temperature: float = 4.0,
) -> Float[Tensor, ""]:
    """``T^2 KL(teacher || student)`` of each channel's softmax over positions, mean over channels and subjects."""
    ours, theirs = (F.log_softmax(value / temperature, dim=2) for value in (student, teacher))
    total = F.kl_div(ours, theirs, reduction="sum", log_target=True)
    return temperature**2 * total / (student.shape[0] * student.shape[1])


class ChannelWise(AdaptedLoss):
    r"""Each channel's distribution over positions is the teacher's.

    .. math::
        \phi(F_c)_p = \frac{\exp(F_{cp} / T)}{\sum_{p'} \exp(F_{cp'} / T)}, \quad
        L = \frac{T^2}{BC} \sum_{i,c} \text{KL}(\phi(F_{t,ic}) \Vert \phi(F_{s,ic}))

    After Shu et al., Channel-wise knowledge distillation for dense prediction, ICCV 2021, with the
    mean over subjects as well. A sum over positions, the mean over channels and subjects. A vector is one channel whose
    elements are the positions.

    Raises:
        SettingsError: for maps of one position.
    """

    name = "cwd"
    config: Config

    class Config(AdaptedConfig):
        """Which features, the adapter, and the temperature."""

        temperature: Annotated[float, Field(gt=0)] = Field(
            default=4.0, description="T, by which features are divided before the softmax over positions"
        )

    def __init__(self, config: Config, *, student: OutputSpec, teacher: OutputSpec) -> None:
        super().__init__(config, student=student, teacher=teacher)
        check_positions(self.pairs)

    def compare(self, student: Features, teacher: Features, index: int) -> Float[Tensor, ""]:
        """The term of a tap."""
        ours, theirs = self.fitted(student, teacher, index)
        return channel_divergence(positions(ours), positions(theirs), temperature=self.config.temperature)
