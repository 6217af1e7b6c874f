"""Features element by element, each tap with a weight: as distributions, and as points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from xdistill.errors import SettingsError
from xdistill.types import Batch, OutputSpec
from xdistill_losses.base import EachTapLoss, Features
from xdistill_losses.logits.divergence import KLConfig, Normalize, divergences, reduced
from xdistill_losses.taps import TapsConfig, check_equal_shapes, rows

Weight = Annotated[float, Field(ge=0)]


class WeightedConfig(TapsConfig):
    """Which features, and their weights."""

    tap_weights: dict[str, Weight] = Field(
        default={}, description="factor of a tap in the sum, 1 if not given; CMD-Net's beta_1 is that of `pre`"
    )


class WeightedTapLoss(EachTapLoss):
    """The weighted sum over taps of equal shape.

    Raises:
        SettingsError: for taps that a network lacks or that differ in shape, and for weights of other taps.
    """

    config: WeightedConfig
    Config = WeightedConfig

    def __init__(self, config: WeightedConfig, *, student: OutputSpec, teacher: OutputSpec) -> None:
        super().__init__(config, student=student, teacher=teacher)
        check_equal_shapes(self.pairs)
        for tap in config.tap_weights:
            if tap not in config.taps:
                raise SettingsError(
                    f"there is a weight for {tap!r}, which is not among the taps {', '.join(config.taps)}",
                    field="tap_weights",
                )

    def terms(self, student: Sequence[Features], teacher: Sequence[Features], batch: Batch) -> list[Float[Tensor, ""]]:
        """One per tap, times its weight."""
        weights = [self.config.tap_weights.get(tap, 1.0) for tap in self.config.taps]
        terms = super().terms(student, teacher, batch)
        return [weight * term for weight, term in zip(weights, terms, strict=True)]


class FeatureKL(WeightedTapLoss):
    """Equation 5 of CMD-Net: the divergence between features, each made a distribution first.

    The weighted sum over taps. Student and teacher need features of equal shape.
    """

    name = "feature_kl"
    config: Config

    class Config(KLConfig, WeightedConfig):
        """Which features, and how they become distributions."""

        normalize: Normalize = Field(
            default="softmax",
            description="softmax over all elements of a subject's features (log_softmax is the same distribution); "
            "standardized: softmax of features of zero mean and unit variance; sigmoid: each element by itself",
        )

    def compare(self, student: Features, teacher: Features, index: int) -> Float[Tensor, ""]:
        """The term of a tap."""
        del index
        values = divergences(
            rows(student),
            rows(teacher),
            temperature=self.config.temperature,
            direction=self.config.direction,
            normalize=self.config.normalize,
        )
        return reduced(values, self.config.reduction)


class FeatureMSE(WeightedTapLoss):
    """The mean squared difference of features: features taken as points, not distributions."""

    name = "feature_mse"

    def compare(self, student: Features, teacher: Features, index: int) -> Float[Tensor, ""]:
        """The term of a tap."""
        del index
        return F.mse_loss(student, teacher)
