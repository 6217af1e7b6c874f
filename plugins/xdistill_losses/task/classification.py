"""Task losses on logits: focal loss and cross entropy."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from xdistill.errors import SettingsError
from xdistill.interfaces.component import Settings
from xdistill.interfaces.loss import TaskLoss, TrainingFacts
from xdistill.types import Batch, Output, OutputSpec
from xdistill_losses.base import labels
from xdistill_losses.numerics import full

Positive = Annotated[float, Field(gt=0)]


def focal_loss(
    logits: Float[Tensor, "batch classes"],
    target: Int[Tensor, " batch"],
    *,
    gamma: float,
    alpha: Float[Tensor, " classes"] | None = None,
) -> Float[Tensor, ""]:
    """The mean over the batch of ``-alpha_t (1 - p_t)^gamma log p_t``.

    ``p_t`` is the softmax probability of the subject's own class (Lin et al., Focal loss for dense object
    detection, ICCV 2017, equation 5, with softmax for more than two classes). Gamma 0 is cross entropy.
    """
    log_p = F.log_softmax(full(logits), dim=-1).gather(1, target.unsqueeze(1)).squeeze(1)
    # 1 - p without cancellation. The floor keeps the slope of the power finite where p rounds to one.
    remaining = (-torch.expm1(log_p)).clamp(min=torch.finfo(log_p.dtype).tiny)
    losses = -remaining.pow(gamma) * log_p
    if alpha is not None:
        losses = losses * alpha[target]
    return losses.mean()


class Focal(TaskLoss):
    """Focal loss: subjects that the network already classifies well count less."""

    name = "focal"
    tasks = ("classification",)
    config: Config
    alpha: Tensor | None

    class Config(Settings):
        """Focal loss' two parameters."""

        gamma: Annotated[float, Field(ge=0)] = Field(
            default=2.0, description="how much less well-classified subjects count; 0: cross entropy"
        )
        alpha: Literal["none", "inverse_frequency"] | tuple[Positive, ...] = Field(
            default="none",
            description="factor of each class: none, inverse frequency among the training subjects (mean 1 over them), "
            "or numbers in the order of the classes",
        )

    def __init__(self, config: Config, *, output: OutputSpec, training: TrainingFacts) -> None:
        super().__init__(config, output=output, training=training)
        # Not saved: it follows from the recipe and the split.
        self.register_buffer("alpha", _class_factors(config, training), persistent=False)

    def forward(self, output: Output, batch: Batch) -> Float[Tensor, ""]:
        """The mean over the batch."""
        return focal_loss(output.logits, labels(batch), gamma=self.config.gamma, alpha=self.alpha)


class CrossEntropy(TaskLoss):
    """Cross entropy, with optional label smoothing."""

    name = "cross_entropy"
    tasks = ("classification",)
    config: Config

    class Config(Settings):
        """Cross entropy's parameter."""

        label_smoothing: Annotated[float, Field(ge=0, lt=1)] = Field(
            default=0.0, description="share of the target that is spread evenly over all classes"
        )

    def forward(self, output: Output, batch: Batch) -> Float[Tensor, ""]:
        """The mean over the batch."""
        return F.cross_entropy(full(output.logits), labels(batch), label_smoothing=self.config.label_smoothing)


def _class_factors(config: Focal.Config, training: TrainingFacts) -> Float[Tensor, " classes"] | None:
    classes, counts = training.schema.classes, training.class_counts
    if config.alpha == "none":
        return None
    if isinstance(config.alpha, tuple):
        if len(config.alpha) != len(classes):
            raise SettingsError(
                f"alpha has {len(config.alpha)} numbers for {len(classes)} classes: {', '.join(classes)}",
                field="alpha",
            )
        return torch.tensor(config.alpha)
    empty = [name for name, count in zip(classes, counts, strict=True) if not count]
    if empty:
        raise SettingsError(
            f"the class {empty[0]!r} has no training subject, so it has no inverse frequency; set `alpha` to "
            f"numbers, or use fewer folds",
            field="alpha",
        )
    return sum(counts) / (len(counts) * torch.tensor(counts, dtype=torch.get_default_dtype()))
