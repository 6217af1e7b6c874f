"""Several teachers, weighted for each subject by how well they classify it."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from xdistill.interfaces.loss import DistillationLoss
from xdistill.types import Batch, Output, OutputSpec
from xdistill_crossmodal.base import full, labels
from xdistill_crossmodal.teachers.members import Logits, MembersConfig, chosen_members, divergence, member_logits

Members = Float[Tensor, "members batch classes"]


def confidence_weights(teachers: Members, target: Int[Tensor, " batch"]) -> Float[Tensor, "members batch"]:
    """``(1 - exp(CE_k) / sum_j exp(CE_j)) / (K - 1)`` for each of K teachers and each subject; they sum to one."""
    costs = torch.stack([F.cross_entropy(logits, target, reduction="none") for logits in teachers])
    return (1 - costs.softmax(dim=0)) / (len(teachers) - 1)


def confidence_distillation(
    student: Logits, teachers: Members, weights: Float[Tensor, "members batch"], *, temperature: float
) -> Float[Tensor, ""]:
    """The weighted sum over teachers of their divergences from the student, mean over the batch."""
    return (weights * divergence(student.expand_as(teachers), teachers, temperature)).sum(dim=0).mean()


class ConfidenceAware(DistillationLoss):
    r"""Soft labels of several teachers, each weighted for each subject by its confidence in the true class.

    .. math::
        w_{ik} = \frac{1}{K-1}\left(1 - \frac{e^{\text{CE}(y_i, z_{ik})}}{\sum_j e^{\text{CE}(y_i, z_{ij})}}\right),
        \quad L = \frac{1}{B} \sum_i \sum_k w_{ik}\, T^2\, \text{KL}(p_{ik} \Vert q_i)

    After Zhang, Chen and Wang, Confidence-aware multi-teacher knowledge distillation (CA-MKD), ICASSP 2022; the
    teacher's members are those of `several`. The weights use cross entropies at T = 1 and sum to one.

    Inferred: the paper has the cross entropy of soft labels, the authors' code their divergence, which has the same
    gradient. The code also divides by K; as in the paper's equation, this loss does not. The factor T² is that of the
    code. Left out: the term of intermediate features weights hints by what each teacher's last layer
    makes of the student's features, and a loss is not given that layer. ``{use: hint, taps: [TAP], output: NAME}`` adds
    the hint of a member with a constant weight.

    Raises:
        SettingsError: for a teacher with fewer than two members.
    """

    name = "ca_mkd"
    tasks = ("classification",)
    config: Config

    class Config(MembersConfig):
        """Which members, the temperature, and their weights."""

        weights: Literal["confidence", "equal"] = Field(
            default="confidence", description="for each subject by cross entropy, or the mean over members"
        )

    def __init__(self, config: Config, *, student: OutputSpec, teacher: OutputSpec) -> None:
        super().__init__(config, student=student, teacher=teacher)
        self.members = chosen_members(config, teacher)

    def forward(self, student: Output, teacher: Output, batch: Batch) -> Float[Tensor, ""]:
        """The loss of a batch."""
        teachers = member_logits(teacher, self.members)
        if self.config.weights == "confidence":
            weights = confidence_weights(teachers, labels(batch))
        else:
            weights = torch.full_like(teachers[..., 0], 1 / len(teachers))
        return confidence_distillation(full(student.logits), teachers, weights, temperature=self.config.temperature)
