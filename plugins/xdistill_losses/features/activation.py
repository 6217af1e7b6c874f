"""Which neurons are active: activation boundaries, and features before their ReLU."""

from __future__ import annotations

from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from xdistill_losses.base import AdaptedConfig, AdaptedLoss, Features
from xdistill_losses.taps import channels


def activation_boundaries(student: Features, teacher: Features, *, margin: float = 1.0) -> Float[Tensor, ""]:
    """Squared distance of the student's values to the teacher's side of zero, and beyond it by the margin.

    The sum over all values, divided by the batch size, times 3 / 1000.
    """
    side = torch.where(teacher > 0, 1.0, -1.0).to(student.dtype)
    return F.relu(margin - side * student).square().sum() / student.shape[0] / 1000 * 3


class ActivationBoundaries(AdaptedLoss):
    r"""The student's neurons are active where the teacher's are.

    .. math::
        L = \frac{3}{1000\, B} \sum \begin{cases} \max(0, \mu - F_s)^2 & F_t > 0 \\
        \max(0, \mu + F_s)^2 & F_t \le 0 \end{cases}

    After Heo et al., Knowledge transfer via distillation of activation boundaries formed by hidden neurons, AAAI 2019,
    with margin μ; the factor 3/1000 and the division by the batch are those of public code, and the sum over
    values makes the loss grow with the map. For features before their ReLU. Zero once every neuron is on its side by
    the margin, not at identity. The source adapts with batch norm behind the linear map; here there is none.
    """

    name = "ab"
    config: Config

    class Config(AdaptedConfig):
        """Which features, the adapter, and the margin."""

        margin: Annotated[float, Field(ge=0)] = Field(
            default=1.0, description="distance from zero that a neuron needs on its side"
        )

    def compare(self, student: Features, teacher: Features, index: int) -> Float[Tensor, ""]:
        """The term of a tap."""
        return activation_boundaries(*self.fitted(student, teacher, index), margin=self.config.margin)


def negative_means(
    teacher: Float[Tensor, "batch channels positions"],
) -> Float[Tensor, "channels 1"]:
    """The mean of each channel's negative values in a batch; zero for a channel that has none."""
    negative = (teacher < 0).sum(dim=(0, 2)).clamp(min=1)
    return (teacher.clamp(max=0).sum(dim=(0, 2)) / negative)[:, None]


def overhaul(
    student: Float[Tensor, "batch channels positions"], teacher: Float[Tensor, "batch channels positions"]
) -> Float[Tensor, ""]:
    """The partial squared distance to the teacher's features after a margin ReLU, mean over all values."""
    target = torch.maximum(teacher, negative_means(teacher))
    counts = (student > target) | (target > 0)
    squares = F.mse_loss(student, target, reduction="none")
    return (squares * counts.to(squares.dtype)).mean()


class FeatureOverhaul(AdaptedLoss):
    r"""The student's features before their ReLU match the teacher's; where both are below zero they are free.

    .. math::
        T = \max(F_t, m_c), \quad m_c = E[F_{t,c} \mid F_{t,c} < 0], \quad
        L = \frac{1}{N} \sum \begin{cases} 0 & F_s \le T \le 0 \\ (T - F_s)^2 & \text{else} \end{cases}

    After Heo et al., A comprehensive overhaul of feature distillation, ICCV 2019. The source reads the margin off
    the teacher's batch norm, sums over values and divides by 1000; here the margin is the mean of the
    channel's negative values in the batch, and the loss the mean over all N values, so that the weight does not depend
    on the map's size. For features before their ReLU. Behind the linear adapter there is no batch norm.
    """

    name = "ofd"

    def compare(self, student: Features, teacher: Features, index: int) -> Float[Tensor, ""]:
        """The term of a tap."""
        ours, theirs = self.fitted(student, teacher, index)
        return overhaul(channels(ours), channels(theirs))
