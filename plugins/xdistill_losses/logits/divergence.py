"""The Kullback-Leibler divergence of softened distributions, and CMD-Net's loss of class probabilities."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from xdistill.interfaces.component import Settings
from xdistill.types import Batch
from xdistill_losses.base import LogitLoss
from xdistill_losses.numerics import full

Direction = Literal["teacher_student", "student_teacher"]
Reduction = Literal["mean", "sum"]
Normalize = Literal["softmax", "log_softmax", "standardized", "sigmoid"]
Values = Float[Tensor, "batch elements"]


def divergences(
    student: Values,
    teacher: Values,
    *,
    temperature: float = 1.0,
    direction: Direction = "teacher_student",
    normalize: Normalize = "softmax",
) -> Float[Tensor, " batch"]:
    """``T^2`` times the divergence of the softened distributions of each subject, summed over elements.

    ``KL(p || q) = sum_m p_m log(p_m / q_m)`` with p the teacher's and q the student's softmax of values divided
    by T (Hinton et al. 2015 give the factor T^2, which keeps the gradient's size as T grows). Computed from
    log-softmax in float32 at least, so it stays finite for extreme values.

    Args:
        student: values of the student, not normalised.
        teacher: values of the teacher, not normalised.
        temperature: T.
        direction: which of the two is p.
        normalize: ``softmax`` and ``log_softmax`` (two names for one distribution) over a row; ``standardized``,
            the same after each row is brought to zero mean and unit variance; ``sigmoid``, where every element
            is a distribution over two outcomes.
    """
    ours, theirs = (_log_probabilities(full(value), temperature, normalize) for value in (student, teacher))
    p, q = (theirs, ours) if direction == "teacher_student" else (ours, theirs)
    return F.kl_div(q, p, reduction="none", log_target=True).sum(dim=1) * temperature**2


def reduced(values: Float[Tensor, " batch"], reduction: Reduction) -> Float[Tensor, ""]:
    """Mean or sum over the subjects."""
    return values.mean() if reduction == "mean" else values.sum()


def _log_probabilities(value: Values, temperature: float, normalize: Normalize) -> Float[Tensor, "batch outcomes"]:
    if normalize == "sigmoid":
        scaled = value / temperature
        return torch.cat([F.logsigmoid(scaled), F.logsigmoid(-scaled)], dim=-1)
    if normalize == "standardized":
        value = F.layer_norm(value, value.shape[-1:])
    return F.log_softmax(value / temperature, dim=-1)


class KLConfig(Settings):
    """Settings of the divergences of classes and of features."""

    temperature: Annotated[float, Field(gt=0)] = Field(
        default=1.0, description="divides the values before the softmax; the loss is multiplied by its square"
    )
    direction: Direction = Field(
        default="teacher_student", description="KL(teacher || student), or KL(student || teacher)"
    )
    reduction: Reduction = Field(default="mean", description="mean or sum over the subjects of a batch")


class ClassKL(LogitLoss):
    """Equation 4 of CMD-Net: the divergence between the class probabilities of teacher and student.

    As `kd`, with temperature 1 by default and a choice of direction.
    """

    name = "class_kl"
    tasks = ("classification",)
    config: Config

    class Config(KLConfig):
        """Settings of the divergence."""

    def compare(
        self, student: Float[Tensor, "batch classes"], teacher: Float[Tensor, "batch classes"], batch: Batch
    ) -> Float[Tensor, ""]:
        """The loss of the logits."""
        del batch
        values = divergences(student, teacher, temperature=self.config.temperature, direction=self.config.direction)
        return reduced(values, self.config.reduction)
