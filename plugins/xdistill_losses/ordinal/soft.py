"""The teacher's probabilities of the grades as soft labels."""

from __future__ import annotations

from typing import Annotated, ClassVar

from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from xdistill.interfaces.component import Settings
from xdistill.types import Batch
from xdistill_losses.base import LogitLoss
from xdistill_losses.chains import softened_divergence
from xdistill_losses.ordinal.links import Link, log_grades

Logits = Float[Tensor, "batch thresholds"]


class SoftOrdinal(LogitLoss):
    r"""The divergence between softened probabilities of the grades.

    .. math::
        L = \frac{T^2}{B} \sum_i \sum_g p_{ig} \log \frac{p_{ig}}{q_{ig}}

    with the grades' probabilities p of the teacher and q of the student, both from logits ``(batch, grades - 1)``. The
    logits of the thresholds are divided by the temperature T before they become probabilities of grades, so that
    neighbouring grades stay neighbours. After Hinton, Vinyals and Dean, Distilling the knowledge in a neural network,
    2015.
    """

    name = "soft_ordinal"
    tasks: ClassVar[tuple[str, ...]] = ("ordinal",)
    config: Config

    class Config(Settings):
        """Temperature, and what the logits mean."""

        temperature: Annotated[float, Field(gt=0)] = Field(
            default=2.0, description="T, by which the thresholds' logits are divided"
        )
        link: Link = Field(default="corn", description="what the logits mean; must equal the `link` of the task")

    def compare(self, student: Logits, teacher: Logits, batch: Batch) -> Float[Tensor, ""]:
        """The loss of the logits."""
        del batch
        heat, link = self.config.temperature, self.config.link
        ours, theirs = (log_grades(logits, link, temperature=heat) for logits in (student, teacher))
        return heat**2 * softened_divergence(ours, theirs)
