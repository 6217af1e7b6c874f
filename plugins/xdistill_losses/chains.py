"""Probabilities of a chain of steps, each of which is the last one or continues.

The grades of CORN and the intervals of discrete time are such chains: a grade is exceeded or not given that the one
before was, and an event happens in an interval or not given that it did not before.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

Logits = Float[Tensor, "batch steps"]


def chain_log_probabilities(logits: Logits) -> Float[Tensor, "batch steps_and_end"]:
    """Log probabilities of ending at each step, and of going on after the last.

    Args:
        logits: of going on at each step, given that it was reached.
    """
    going_on = F.logsigmoid(logits).cumsum(dim=1)
    reached = F.pad(going_on, (1, 0))
    return torch.cat([reached[:, :-1] + F.logsigmoid(-logits), reached[:, -1:]], dim=1)


def softened_divergence(
    student: Float[Tensor, "batch outcomes"], teacher: Float[Tensor, "batch outcomes"]
) -> Float[Tensor, ""]:
    """KL divergence of the student from the teacher, both log probabilities; the mean over the batch."""
    return F.kl_div(student, teacher, reduction="batchmean", log_target=True)
