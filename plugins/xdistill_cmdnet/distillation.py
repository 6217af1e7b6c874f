"""CMD-Net's distillation: of class probabilities (equation 4) and of features (equation 5)."""

from __future__ import annotations

from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from xdistill.interfaces.component import Settings
from xdistill.interfaces.loss import DistillationLoss
from xdistill.types import Batch, Output, OutputSpec
from xdistill_cmdnet.divergence import Direction, Normalize, Reduction, kl_divergence
from xdistill_cmdnet.precision import full
from xdistill_cmdnet.taps import check_equal_shapes, check_tap_weights, flat

Weight = Annotated[float, Field(ge=0)]
Taps = Annotated[tuple[str, ...], Field(min_length=1)]


class KLConfig(Settings):
    """What both divergences have in common."""

    temperature: Annotated[float, Field(gt=0)] = Field(
        default=1.0, description="divides the values before the softmax; the loss is multiplied by its square"
    )
    direction: Direction = Field(
        default="teacher_student", description="KL(teacher || student), or KL(student || teacher)"
    )
    reduction: Reduction = Field(default="mean", description="mean or sum over the subjects of a batch")


class ClassKL(DistillationLoss):
    """Equation 4: the divergence between the class probabilities of teacher and student."""

    name = "class_kl"
    config: Config

    class Config(KLConfig):
        """Settings of the divergence."""

    def forward(self, student: Output, teacher: Output, batch: Batch) -> Float[Tensor, ""]:
        """The divergence of a batch."""
        del batch
        return kl_divergence(
            student.logits,
            teacher.logits,
            temperature=self.config.temperature,
            direction=self.config.direction,
            reduction=self.config.reduction,
        )


class FeatureKL(DistillationLoss):
    """Equation 5: the sum over taps of the divergence between features, each made a distribution first.

    Raises:
        SettingsError: for taps that a network lacks or that differ in shape.
    """

    name = "feature_kl"
    config: Config

    class Config(KLConfig):
        """Which features, and how they become distributions."""

        taps: Taps = Field(description="features to distil, such as the names of the branches")
        tap_weights: dict[str, Weight] = Field(
            default={}, description="factor of a tap in the sum, 1 if not given; the paper's beta_1 is that of `pre`"
        )
        normalize: Normalize = Field(
            default="softmax",
            description="softmax over all elements of a subject's features (log_softmax is the same distribution); "
            "standardized: softmax of features of zero mean and unit variance; sigmoid: each element by itself",
        )

    def __init__(self, config: Config, *, student: OutputSpec, teacher: OutputSpec) -> None:
        super().__init__(config, student=student, teacher=teacher)
        check_equal_shapes(config.taps, student=student, teacher=teacher)
        check_tap_weights(config.tap_weights, config.taps)

    def forward(self, student: Output, teacher: Output, batch: Batch) -> Float[Tensor, ""]:
        """The weighted sum over taps."""
        del batch
        terms = [
            self.config.tap_weights.get(tap, 1.0)
            * kl_divergence(
                flat(student.features, tap),
                flat(teacher.features, tap),
                temperature=self.config.temperature,
                direction=self.config.direction,
                reduction=self.config.reduction,
                normalize=self.config.normalize,
            )
            for tap in self.config.taps
        ]
        return torch.stack(terms).sum()


class FeatureMSE(DistillationLoss):
    """The sum over taps of the mean squared difference of features: features taken as points, not distributions.

    Raises:
        SettingsError: for taps that a network lacks or that differ in shape.
    """

    name = "feature_mse"
    config: Config

    class Config(Settings):
        """Which features."""

        taps: Taps = Field(description="features to distil, such as the names of the branches")
        tap_weights: dict[str, Weight] = Field(default={}, description="factor of a tap in the sum, 1 if not given")

    def __init__(self, config: Config, *, student: OutputSpec, teacher: OutputSpec) -> None:
        super().__init__(config, student=student, teacher=teacher)
        check_equal_shapes(config.taps, student=student, teacher=teacher)
        check_tap_weights(config.tap_weights, config.taps)

    def forward(self, student: Output, teacher: Output, batch: Batch) -> Float[Tensor, ""]:
        """The weighted sum over taps."""
        del batch
        terms = [
            self.config.tap_weights.get(tap, 1.0)
            * (full(student.features[tap]) - full(teacher.features[tap])).square().mean()
            for tap in self.config.taps
        ]
        return torch.stack(terms).sum()
