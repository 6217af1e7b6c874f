"""The loss correction of distillation as semiparametric inference."""

from __future__ import annotations

from typing import Annotated, Literal

from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from xdistill.interfaces.component import Settings
from xdistill.types import Batch
from xdistill_crossmodal.base import LogitLoss, labels

Logits = Float[Tensor, "batch classes"]
Form = Literal["probabilities", "logits"]
SMALLEST = 1e-2
"""Probabilities below it count as this in 1 / p, as in the official code."""


def corrected_probabilities(
    student: Logits, teacher: Logits, target: Int[Tensor, " batch"], *, gamma: float
) -> Float[Tensor, ""]:
    """Cross entropy of the student with ``p + gamma (y - p)``, less the entropy-like part that has no gradient.

    The constant makes the loss that of `kd` at T = 1, zero at identity, for gamma = 0.
    """
    p = F.softmax(teacher, dim=1)
    aim = p + gamma * (F.one_hot(target, p.shape[1]).to(p.dtype) - p)
    ours, theirs = F.log_softmax(student, dim=1), F.log_softmax(teacher, dim=1)
    return (aim * (theirs - ours)).sum(dim=1).mean()


def corrected_logits(
    student: Logits, teacher: Logits, target: Int[Tensor, " batch"], *, gamma: float | Literal["orthogonal"]
) -> Float[Tensor, ""]:
    """Mean squared difference of the student's logits and ``z + gamma (y - p)``, over subjects and classes."""
    p = F.softmax(teacher, dim=1)
    factor = 1 / p.clamp(min=SMALLEST) if gamma == "orthogonal" else gamma
    aim = teacher + factor * (F.one_hot(target, p.shape[1]).to(p.dtype) - p)
    return F.mse_loss(student, aim)


class Semiparametric(LogitLoss):
    r"""Distillation whose targets are moved from the teacher's probabilities towards the labels.

    .. math::
        \text{probabilities:} \quad & L = \frac{1}{B} \sum_i \sum_c \tilde p_{ic} \log \frac{p_{ic}}{q_{ic}}, \quad
            \tilde p = \hat p + \gamma (y - \hat p) \\
        \text{logits:} \quad & L = \frac{1}{BC} \lVert z_s - z_t - \gamma (y - \hat p) \rVert^2

    After Dao, Kamath, Syrgkanis and Mackey, Knowledge distillation as semiparametric inference, ICLR 2021, section 5:
    the correction removes the first-order effect of a teacher's bias, at the price of the labels' variance. In the
    squared loss of logits ``gamma: orthogonal``, 1 / p, removes the effect altogether. In the cross entropy gamma = 1
    does, which is training on the labels alone; values between trade bias for variance. With gamma = 0, the ablation,
    it is plain distillation.

    Inferred: temperature 1, at which the paper's theory holds. Probabilities below 0.01 count as 0.01 in 1 / p, as in
    the official code. The paper's gamma that minimises a bound per subject is not included. The first form may be
    negative, since the term without a gradient is chosen so that with gamma = 0 it is zero at identity.
    """

    name = "semiparametric"
    tasks = ("classification",)
    config: Config

    class Config(Settings):
        """How far the targets are moved."""

        form: Form = Field(default="probabilities", description="what is compared, and so where the target is moved")
        gamma: Annotated[float, Field(ge=0, le=100)] | Literal["orthogonal"] = Field(
            default=0.5,
            description="how far the target is moved towards the label; orthogonal: 1 / p for logits, 1 for "
            "probabilities",
        )

    def compare(self, student: Logits, teacher: Logits, batch: Batch) -> Float[Tensor, ""]:
        """The loss of the logits."""
        gamma, target = self.config.gamma, labels(batch)
        if self.config.form == "logits":
            return corrected_logits(student, teacher, target, gamma=gamma)
        return corrected_probabilities(student, teacher, target, gamma=1.0 if gamma == "orthogonal" else gamma)
