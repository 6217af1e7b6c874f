"""The teacher's probability of each label as a soft label."""

from __future__ import annotations

from typing import Annotated, ClassVar

from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from xdistill.interfaces.component import Settings
from xdistill.types import Batch
from xdistill_losses.base import LogitLoss

Logits = Float[Tensor, "batch labels"]


def soft_binary(student: Logits, teacher: Logits, *, temperature: float = 2.0) -> Float[Tensor, ""]:
    """``T^2`` times the divergence of a label's two softened probabilities, the mean over subjects and labels."""
    soft = (teacher / temperature).sigmoid()
    crossed = F.binary_cross_entropy_with_logits(student / temperature, soft)
    entropy = F.binary_cross_entropy_with_logits(teacher / temperature, soft)
    return temperature**2 * (crossed - entropy)


class SoftBinary(LogitLoss):
    r"""The divergence between the softened probabilities of every label.

    .. math::
        L = \frac{T^2}{BL} \sum_i \sum_l p_{il} \log \frac{p_{il}}{q_{il}} + (1 - p_{il}) \log \frac{1 - p_{il}}
        {1 - q_{il}}, \quad p = \sigma(z_t / T), \; q = \sigma(z_s / T)

    for logits ``(batch, labels)``, the mean over subjects and labels. Soft labels after Hinton, Vinyals and Dean, 2015,
    for each label by itself, as in Yang et al., Multi-label knowledge distillation, ICCV 2023.
    """

    name = "soft_binary"
    tasks: ClassVar[tuple[str, ...]] = ("multi_label",)
    config: Config

    class Config(Settings):
        """The temperature."""

        temperature: Annotated[float, Field(gt=0)] = Field(
            default=2.0, description="T, by which the logits are divided"
        )

    def compare(self, student: Logits, teacher: Logits, batch: Batch) -> Float[Tensor, ""]:
        """The loss of the logits."""
        del batch
        return soft_binary(student, teacher, temperature=self.config.temperature)
