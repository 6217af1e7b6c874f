"""Correlation of channels."""

from __future__ import annotations

from math import inf

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from xdistill_losses.base import AdaptedLoss, Features
from xdistill_losses.taps import channels


def standardised_channels(
    value: Float[Tensor, "batch channels positions"],
) -> Float[Tensor, "batch channels positions"]:
    """Each channel with mean zero and deviation one over subjects and positions; a constant one becomes zeros."""
    centred = value - value.mean(dim=(0, 2), keepdim=True)
    values = max(value.shape[0] * value.shape[2] - 1, 1)
    deviation = (centred.square().sum(dim=(0, 2), keepdim=True) / values).clamp(min=1e-24).sqrt()
    return centred / (deviation + 1e-6).masked_fill(deviation <= 1e-12, inf)  # noqa: PLR2004 - the floor's root


def feature_correlation(
    student: Float[Tensor, "batch channels ..."], teacher: Float[Tensor, "batch channels ..."]
) -> Float[Tensor, ""]:
    """Half the mean squared difference of standardised channels, which is one minus their mean correlation."""
    ours, theirs = (standardised_channels(channels(value)) for value in (student, teacher))
    return F.mse_loss(ours, theirs) / 2


class FeatureCorrelation(AdaptedLoss):
    r"""Channels of feature maps correlate with the teacher's; their scale and offset are free.

    .. math::
        \hat F_c = (F_c - \mu_c) / (\sigma_c + 10^{-6}), \quad
        L = \frac{1}{2BCP} \lVert \hat F_s - \hat F_t \rVert^2 \approx 1 - \frac{1}{C} \sum_c \rho(F_{s,c}, F_{t,c})

    with mean and unbiased deviation of a channel over all B subjects and P positions. After Cao et al., PKD: general
    distillation framework for object detectors via Pearson correlation coefficient, NeurIPS 2022. A
    constant channel is zero. A vector is a map of one position, so a batch of one vector gives zero.
    """

    name = "pkd"

    def compare(self, student: Features, teacher: Features, index: int) -> Float[Tensor, ""]:
        """The term of a tap."""
        return feature_correlation(*self.fitted(student, teacher, index))
