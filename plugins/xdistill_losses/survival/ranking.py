"""The order of the teacher's risks."""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from xdistill.interfaces.component import Settings
from xdistill.tasks.hazards import log_risks
from xdistill.types import Batch
from xdistill_losses.base import LogitLoss
from xdistill_losses.numerics import nothing

Logits = Float[Tensor, "batch outputs"]
Risks = Float[Tensor, " batch"]


def risk_ranking(student: Risks, teacher: Risks, *, temperature: float = 1.0) -> Float[Tensor, ""]:
    """The divergence of the probabilities that the first of two subjects is at the higher risk, the mean over pairs."""
    first, second = torch.triu_indices(len(student), len(student), 1, device=student.device)
    if not len(first):
        return nothing(student)
    ours, theirs = ((values[first] - values[second]) / temperature for values in (student, teacher))
    soft = theirs.sigmoid()
    entropy = F.binary_cross_entropy_with_logits(theirs, soft)
    return F.binary_cross_entropy_with_logits(ours, soft) - entropy


class RiskRanking(LogitLoss):
    r"""Pairs of subjects are in the order of the teacher's risks.

    .. math::
        L = \frac{2}{B (B - 1)} \sum_{i < j} \text{KL}\Big( \sigma\big(\tfrac{r_{ti} - r_{tj}}{T}\big) \Big\Vert
        \sigma\big(\tfrac{r_{si} - r_{sj}}{T}\big) \Big)

    with the risks r from logits ``(batch, 1)`` of Cox's model or ``(batch, bins)`` of discrete time. The pairwise
    probabilities are those of RankNet (Burges et al., Learning to rank using gradient descent, ICML 2005), with the
    teacher's in place of labels: concordance counts pairs, so pairs are what is taught, and pairs that cannot be
    compared for censoring are taught too. A lower temperature T makes the teacher's order more certain. A single
    subject has no pair and the loss zero.
    """

    name = "risk_ranking"
    tasks: ClassVar[tuple[str, ...]] = ("survival",)
    config: Config

    class Config(Settings):
        """The temperature."""

        temperature: Annotated[float, Field(gt=0)] = Field(
            default=1.0, description="T, by which differences of log risks are divided"
        )

    def compare(self, student: Logits, teacher: Logits, batch: Batch) -> Float[Tensor, ""]:
        """The loss of the logits."""
        del batch
        return risk_ranking(log_risks(student), log_risks(teacher), temperature=self.config.temperature)
