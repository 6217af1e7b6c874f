"""Decoupled distillation: the true class against the others, and the others among themselves."""

from __future__ import annotations

from typing import Annotated

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from xdistill.errors import SettingsError
from xdistill.interfaces.component import Settings
from xdistill.types import Batch, OutputSpec
from xdistill_losses.base import LogitLoss, labels

Logits = Float[Tensor, "batch classes"]
Weight = Annotated[float, Field(ge=0)]
TWO = 2


def target_and_others(
    logits: Logits, target: Int[Tensor, " batch"]
) -> tuple[Float[Tensor, " batch"], Float[Tensor, "batch others"]]:
    """The log-odds of the true class against all others, and the logits of the others."""
    batch, classes = logits.shape
    index = torch.arange(classes - 1, device=logits.device)
    others = logits.gather(1, (index + (index >= target[:, None])).expand(batch, -1))
    return logits.gather(1, target[:, None])[:, 0] - others.logsumexp(dim=1), others


def decoupled(
    student: Logits,
    teacher: Logits,
    target: Int[Tensor, " batch"],
    *,
    alpha: float = 1.0,
    beta: float = 8.0,
    temperature: float = 4.0,
) -> Float[Tensor, ""]:
    """``alpha`` times the divergence of true class against others, ``beta`` times that of the others.

    Both from logarithms, so that extreme logits stay finite in float32.
    """
    (odds, others), (teacher_odds, teacher_others) = (
        target_and_others(logits / temperature, target) for logits in (student, teacher)
    )
    true_class = sum(
        teacher_odds.mul(sign).sigmoid() * (F.logsigmoid(sign * teacher_odds) - F.logsigmoid(sign * odds))
        for sign in (1, -1)
    )
    rest = F.kl_div(
        F.log_softmax(others, dim=1), F.log_softmax(teacher_others, dim=1), reduction="none", log_target=True
    )
    return temperature**2 * (alpha * true_class + beta * rest.sum(dim=1)).mean()


class Decoupled(LogitLoss):
    r"""The divergence of class probabilities in two parts: true class against the rest, and the rest by itself.

    .. math::
        b = (p_y, 1 - p_y), \quad \hat p_c = p_c / (1 - p_y) \text{ for } c \ne y, \quad
        L = T^2 (\alpha\, \text{KL}(b_t \Vert b_s) + \beta\, \text{KL}(\hat p_t \Vert \hat p_s))

    After Zhao et al., Decoupled knowledge distillation, CVPR 2022; mean over the batch, sum over classes,
    factor T². Public code takes the logarithm of a probability, which overflows for extreme logits; here log-odds are
    compared. With two classes the second part is always zero, so it needs three.

    Raises:
        SettingsError: for two classes.
    """

    name = "dkd"
    tasks = ("classification",)
    config: Config

    class Config(Settings):
        """Weights of the parts."""

        alpha: Weight = Field(default=1.0, description="weight of the true class against the rest")
        beta: Weight = Field(default=8.0, description="weight of the other classes among themselves")
        temperature: Annotated[float, Field(gt=0)] = Field(
            default=4.0, description="T, by which the logits are divided"
        )

    def __init__(self, config: Config, *, student: OutputSpec, teacher: OutputSpec) -> None:
        super().__init__(config, student=student, teacher=teacher)
        if student.outputs == TWO:
            raise SettingsError(
                "with two classes there is a single other class, so the part with the weight `beta` is always zero; "
                "use kd instead"
            )

    def compare(self, student: Logits, teacher: Logits, batch: Batch) -> Float[Tensor, ""]:
        """The loss of the logits."""
        return decoupled(
            student,
            teacher,
            labels(batch),
            alpha=self.config.alpha,
            beta=self.config.beta,
            temperature=self.config.temperature,
        )
