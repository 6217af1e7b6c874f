"""Losses that ask for correlation instead of equality: of class probabilities, and of feature maps."""

from __future__ import annotations

from math import inf
from typing import Annotated

from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from xdistill.errors import SettingsError
from xdistill.interfaces.component import Settings
from xdistill.types import Batch, OutputSpec
from xdistill_losses.base import AdaptedLoss, Features, LogitLoss
from xdistill_losses.numerics import correlation
from xdistill_losses.taps import channels

Logits = Float[Tensor, "batch classes"]
Weight = Annotated[float, Field(ge=0)]
TWO = 2


def probability_correlation(
    student: Logits, teacher: Logits, *, beta: float = 1.0, gamma: float = 1.0, tau: float = 1.0
) -> Float[Tensor, ""]:
    """``beta`` times one minus the correlation over classes, ``gamma`` times that over subjects, times ``tau^2``.

    A single subject has no correlation over subjects: that part is then zero.
    """
    ours, theirs = (F.softmax(logits / tau, dim=1) for logits in (student, teacher))
    total = beta * (1 - correlation(ours, theirs).mean())
    if student.shape[0] > 1:
        total = total + gamma * (1 - correlation(ours.T, theirs.T).mean())
    return tau**2 * total


class ProbabilityCorrelation(LogitLoss):
    r"""Class probabilities are to correlate with the teacher's, over classes and over subjects.

    .. math::
        L = \tau^2 \left( \beta \Big(1 - \frac{1}{B} \sum_i \rho(p_{s,i\cdot}, p_{t,i\cdot})\Big)
        + \gamma \Big(1 - \frac{1}{C} \sum_c \rho(p_{s,\cdot c}, p_{t,\cdot c})\Big) \right)

    with Pearson's correlation of softmax probabilities at temperature τ. After Huang et al., Knowledge distillation
    from a stronger teacher (DIST), NeurIPS 2022, with the factor τ² of its code. A constant row or
    column correlates with nothing. Two probabilities that sum to one always correlate fully, so that with two classes
    the first part has no gradient and β has to be 0.

    Raises:
        SettingsError: for two classes with ``beta`` above zero, and for no part at all.
    """

    name = "dist"
    config: Config

    class Config(Settings):
        """Weights of the parts."""

        beta: Weight = Field(default=1.0, description="weight of the correlation over the classes of a subject")
        gamma: Weight = Field(default=1.0, description="weight of the correlation over the subjects of a batch")
        tau: Annotated[float, Field(gt=0)] = Field(default=1.0, description="temperature of the softmax")

    def __init__(self, config: Config, *, student: OutputSpec, teacher: OutputSpec) -> None:
        super().__init__(config, student=student, teacher=teacher)
        if student.outputs == TWO and config.beta:
            raise SettingsError(
                "with two classes the probabilities of a subject always correlate by plus or minus one, which teaches "
                "nothing; set `beta: 0`, which leaves the correlation over subjects",
                field="beta",
            )
        if not config.beta and not config.gamma:
            raise SettingsError("beta and gamma are both zero, so nothing is compared; set one of them", field="gamma")

    def compare(self, student: Logits, teacher: Logits, batch: Batch) -> Float[Tensor, ""]:
        """The loss of the logits."""
        del batch
        return probability_correlation(
            student, teacher, beta=self.config.beta, gamma=self.config.gamma, tau=self.config.tau
        )


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
    r"""Channels of feature maps are to correlate with the teacher's; their size and offset are free.

    .. math::
        \hat F_c = (F_c - \mu_c) / (\sigma_c + 10^{-6}), \quad
        L = \frac{1}{2BCP} \lVert \hat F_s - \hat F_t \rVert^2 \approx 1 - \frac{1}{C} \sum_c \rho(F_{s,c}, F_{t,c})

    with mean and unbiased deviation of a channel over all B subjects and P positions. After Cao et al., PKD: general
    distillation framework for object detectors via Pearson correlation coefficient, NeurIPS 2022. A
    constant channel is zero. A vector is a map of one position, so a batch of one vector says nothing.
    """

    name = "pkd"

    def compare(self, student: Features, teacher: Features, place: int) -> Float[Tensor, ""]:
        """The term of a tap."""
        return feature_correlation(*self.fitted(student, teacher, place))
