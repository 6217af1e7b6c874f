"""Regression of the teacher's features: plain, and with a learned variance."""

from __future__ import annotations

from math import expm1, log
from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from xdistill.errors import SettingsError
from xdistill.types import OutputSpec
from xdistill_losses.adapters import Pointwise
from xdistill_losses.base import AdaptedLoss, Features, MapLoss
from xdistill_losses.numerics import full
from xdistill_losses.taps import Pair, TapsConfig, channels, same_space

SMALLEST_VARIANCE = 1e-5


class Hint(AdaptedLoss):
    r"""Regression of the teacher's features from the student's.

    .. math::
        L = \frac{1}{N} \lVert r(F_s) - F_t \rVert^2

    the mean over all N values. After Romero et al., FitNets: hints for thin deep nets, ICLR 2015, equation 3. The
    regressor r is the identity where the numbers of channels agree, and otherwise a linear map of channels (a 1 x 1
    convolution; in the source a wider one).
    """

    name = "hint"

    def compare(self, student: Features, teacher: Features, index: int) -> Float[Tensor, ""]:
        """The term of a tap."""
        return F.mse_loss(*self.fitted(student, teacher, index))


def gaussian_surprise(
    mean: Float[Tensor, "batch channels positions"],
    value: Float[Tensor, "batch channels positions"],
    variance: Float[Tensor, " channels"],
) -> Float[Tensor, ""]:
    """The mean of ``(mean - value)^2 / (2 variance) + log(variance) / 2``: the negative log-likelihood."""
    squares = (mean - value).square().mean(dim=(0, 2))  # the variance is the same at every position
    return 0.5 * (squares / variance + variance.log()).mean()


class Information(nn.Module):
    """The regressor of one tap, and the positive variance of each of the teacher's channels."""

    def __init__(self, pair: Pair, *, depth: int, initial_variance: float) -> None:
        super().__init__()
        theirs = pair.teacher[0]
        sizes = [pair.student[0], *[2 * theirs] * (depth - 1), theirs]
        self.regressor: nn.Module = Pointwise(*sizes) if depth else nn.Identity()
        start = log(expm1(initial_variance - SMALLEST_VARIANCE))  # softplus maps it to the initial variance
        self.raw_variance = nn.Parameter(torch.full((theirs,), start))

    def forward(
        self, student: Float[Tensor, "batch channels ..."], teacher: Float[Tensor, "batch channels2 ..."]
    ) -> Float[Tensor, ""]:
        """The surprise of a batch."""
        variance = F.softplus(full(self.raw_variance)) + SMALLEST_VARIANCE
        return gaussian_surprise(channels(self.regressor(student)), channels(teacher), variance)


class VariationalInformation(MapLoss):
    r"""A lower bound of the information that the student's features hold about the teacher's.

    .. math::
        L = \frac{1}{N} \sum \frac{(\mu_c(F_s) - F_{t,c})^2}{2 \sigma_c^2} + \frac{1}{2} \log \sigma_c^2, \quad
        \sigma_c^2 = \log(1 + e^{\alpha_c}) + 10^{-5}

    After Ahn et al., Variational information distillation for knowledge transfer, CVPR 2019, as a
    mean over all values and without the constant log(2π)/2. The regressor μ (layers that work on channels, ReLU
    between them) and the variances are learned with the student. May be negative; its minimum is not a fixed number.

    Raises:
        SettingsError: for numbers of channels that differ with ``depth: 0``.
    """

    name = "vid"
    config: Config

    class Config(TapsConfig):
        """The regressor."""

        depth: Annotated[int, Field(ge=0, le=8)] = Field(
            default=3,
            description="linear layers of the regressor, twice as wide inside as the teacher; 0: no regressor",
        )
        initial_variance: Annotated[float, Field(gt=0.001, le=1000)] = Field(
            default=5.0, description="variance of every channel before training"
        )

    def __init__(self, config: Config, *, student: OutputSpec, teacher: OutputSpec) -> None:
        super().__init__(config, student=student, teacher=teacher)
        for pair in self.pairs:
            if not config.depth and pair.student[0] != pair.teacher[0]:
                raise SettingsError(
                    f"{pair.shown()}; without a regressor the numbers of channels must agree: set `depth` to 1 or "
                    f"more, or make them equal",
                    field="depth",
                )
        self.taps = nn.ModuleList(
            Information(pair, depth=config.depth, initial_variance=config.initial_variance) for pair in self.pairs
        )

    def compare(self, student: Features, teacher: Features, index: int) -> Float[Tensor, ""]:
        """The term of a tap."""
        surprise: Tensor = self.taps[index](*same_space(student, teacher))
        return surprise
