"""MST-Distill's loss: a gate chooses teachers for each subject."""

from __future__ import annotations

from typing import Annotated

from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn

from xdistill.errors import SettingsError
from xdistill.interfaces.loss import DistillationLoss
from xdistill.types import Batch, Output, OutputSpec
from xdistill_crossmodal.base import full
from xdistill_crossmodal.teachers.members import Logits, MembersConfig, chosen_members, divergence, member_logits


def distillation_of_chosen(
    student: Logits,
    teachers: Float[Tensor, "members batch classes"],
    chosen: Int[Tensor, "batch some"],
    *,
    temperature: float,
) -> Float[Tensor, ""]:
    """The mean, over subjects and the teachers chosen for each, of the divergence from the student."""
    values = divergence(student.expand_as(teachers), teachers, temperature)
    return values.T.gather(1, chosen).mean()


def load_balance(shares: Float[Tensor, "batch members"]) -> Float[Tensor, ""]:
    """``KL(uniform || mean share) / K``: zero if the gate gives all K teachers the same share of the batch."""
    mean, count = shares.mean(dim=0), shares.shape[1]
    # The mean of K values log((1 / K) / mean share), each weighted by 1 / K.
    return -(mean * count).log().mean() / count


class MstDistill(DistillationLoss):
    r"""Soft labels of the teachers that a gate chooses for each subject by the student's logits.

    .. math::
        g_i = \text{softmax}(W_2 W_1 z_{s,i}), \quad
        L = \frac{1}{Bk} \sum_i \sum_{j \in \text{top}_k(g_i)} T^2\, \text{KL}(p_{ij} \Vert q_i)
        + \lambda\, \frac{1}{K} \text{KL}\left(\tfrac{1}{K} \,\Big\Vert\, \tfrac{1}{B} \sum_i g_i\right)

    After Li, Yang, Chen, Dong, Chen and Wang, MST-Distill: mixture of specialized teachers for cross-modal knowledge
    distillation, ACM Multimedia 2025, stage 3, and the authors' code: two linear layers without a nonlinearity, k = 1,
    T = 4, λ = 1, and the divisor K of the second part. The teachers are the specialised ones of `mst_teachers`. The
    gate is trained with the student and saved; `optimizer` of the term gives it a learning rate of its own.

    As in the code, the choice itself has no gradient: the gate learns from the second part alone, which spreads the
    subjects over the teachers and does not prefer good ones. With ``k`` equal to the number of teachers there is no
    choice, and the loss is their mean.

    Inferred: the second part's gradient also reaches the student through the gate, as in the code.

    Raises:
        SettingsError: for a ``k`` above the number of teachers.
    """

    name = "mst_distill"
    tasks = ("classification",)
    config: Config

    class Config(MembersConfig):
        """Which teachers, how many are chosen for a subject, and how evenly."""

        k: Annotated[int, Field(ge=1)] = Field(default=1, description="teachers chosen for each subject")
        balance: Annotated[float, Field(ge=0)] = Field(
            default=1.0, description="lambda, the weight of an even use of all teachers"
        )

    def __init__(self, config: Config, *, student: OutputSpec, teacher: OutputSpec) -> None:
        super().__init__(config, student=student, teacher=teacher)
        self.members = chosen_members(config, teacher)
        if config.k > len(self.members):
            raise SettingsError(f"should be at most {len(self.members)}, the number of teachers", field="k")
        self.gate = nn.Sequential(
            nn.Linear(student.outputs, 2 * student.outputs), nn.Linear(2 * student.outputs, len(self.members))
        )

    def forward(self, student: Output, teacher: Output, batch: Batch) -> Float[Tensor, ""]:
        """The loss of a batch."""
        del batch
        logits = full(student.logits)
        shares = full(self.gate(student.logits)).softmax(dim=1)
        chosen = shares.topk(self.config.k, dim=1).indices
        teachers = member_logits(teacher, self.members)
        distilled = distillation_of_chosen(logits, teachers, chosen, temperature=self.config.temperature)
        return distilled + self.config.balance * load_balance(shares.clamp(min=_TINY))


_TINY = 1e-12  # a share of zero has no logarithm
