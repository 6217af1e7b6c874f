"""The logit loss of OFA-KD."""

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
Form = Literal["paper", "code"]


def one_for_all(
    student: Logits,
    teacher: Logits,
    target: Int[Tensor, " batch"],
    *,
    gamma: float = 1.5,
    temperature: float = 1.0,
    form: Form = "paper",
) -> Float[Tensor, ""]:
    """The mean over subjects of ``-sum_c w_c log q_c``; see `OneForAll` for the weights."""
    p = F.softmax(teacher / temperature, dim=1)
    truth = F.one_hot(target, p.shape[1]).to(p.dtype)
    raised = (p + truth) ** gamma - truth
    weights = raised if form == "code" else truth * raised + (1 - truth) * p
    return -(weights * F.log_softmax(student / temperature, dim=1)).sum(dim=1).mean()


class OneForAll(LogitLoss):
    r"""Soft labels in which a confident teacher raises the weight of the true class.

    .. math::
        L = -\frac{1}{B} \sum_i \left( \big( (1 + p_{iy})^\gamma - 1 \big) \log q_{iy}
        + \sum_{c \ne y} p_{ic} \log q_{ic} \right)

    with p the teacher's and q the student's probabilities. After Hao et al., One-for-all: bridge the gap between
    heterogeneous architectures in knowledge distillation, NeurIPS 2023, equation 5. The paper's loss contains the
    cross entropy of the true class, which is the 1 that is subtracted here: add a task loss to the student. With gamma
    = 1, the ablation, it is the cross entropy of the teacher's soft labels, which has the gradient of `kd` at T = 1.

    ``form: code`` also raises the probabilities of the other classes to gamma, as the official code does. The exits at
    intermediate layers, which the paper adds to this loss, are heads of a network not part of a loss.

    Inferred: the temperature divides the logits of both networks, without the factor T², as in the code; the default
    gamma lies within the range that its scripts use. Not zero at identity.
    """

    name = "ofa"
    tasks = ("classification",)
    config: Config

    class Config(Settings):
        """The modulation."""

        gamma: Annotated[float, Field(ge=1, le=10)] = Field(
            default=1.5, description="exponent of the true class's weight; 1: plain soft labels"
        )
        temperature: Annotated[float, Field(gt=0)] = Field(
            default=1.0, description="by which both networks' logits are divided"
        )
        form: Form = Field(default="paper", description="paper: the true class is modulated; code: all classes are")

    def compare(self, student: Logits, teacher: Logits, batch: Batch) -> Float[Tensor, ""]:
        """The loss of the logits."""
        return one_for_all(
            student,
            teacher,
            labels(batch),
            gamma=self.config.gamma,
            temperature=self.config.temperature,
            form=self.config.form,
        )
