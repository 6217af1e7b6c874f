"""The Kullback-Leibler divergence between what two networks say, as a pure function."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from xdistill_cmdnet.precision import full

Direction = Literal["teacher_student", "student_teacher"]
Reduction = Literal["mean", "sum"]
Normalize = Literal["softmax", "log_softmax", "standardized", "sigmoid"]


def kl_divergence(
    student: Float[Tensor, "batch elements"],
    teacher: Float[Tensor, "batch elements"],
    *,
    temperature: float = 1.0,
    direction: Direction = "teacher_student",
    reduction: Reduction = "mean",
    normalize: Normalize = "softmax",
) -> Float[Tensor, ""]:
    """``T^2`` times the divergence of the softened distributions, summed over elements.

    ``KL(p || q) = sum_m p_m log(p_m / q_m)`` with p the teacher's and q the student's softmax of values divided
    by T (Hinton et al. 2015 give the factor T^2, which keeps the gradient's size as T grows). Computed from
    log-softmax, so it stays finite for extreme values.

    Args:
        student: values of the student, not normalised.
        teacher: values of the teacher, not normalised.
        temperature: T.
        direction: which of the two is p.
        reduction: ``mean`` or ``sum`` over the batch; over elements it is always the sum.
        normalize: ``softmax`` and ``log_softmax`` (two names for one distribution) over a row; ``standardized``,
            the same after each row is brought to zero mean and unit variance; ``sigmoid``, where every element
            is a distribution over two outcomes.
    """
    ours, theirs = (_log_probabilities(full(value), temperature, normalize) for value in (student, teacher))
    p, q = (theirs, ours) if direction == "teacher_student" else (ours, theirs)
    total = (p.exp() * (p - q)).sum() * temperature**2
    return total / student.shape[0] if reduction == "mean" else total


def _log_probabilities(
    value: Float[Tensor, "batch elements"], temperature: float, normalize: Normalize
) -> Float[Tensor, "batch outcomes"]:
    if normalize == "sigmoid":
        scaled = value / temperature
        return torch.cat([F.logsigmoid(scaled), F.logsigmoid(-scaled)], dim=-1)
    if normalize == "standardized":
        value = F.layer_norm(value, value.shape[-1:])
    return F.log_softmax(value / temperature, dim=-1)
