"""From the ``grades - 1`` logits of a network to log probabilities of the grades."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from xdistill.tasks.ordinal import cumulative_logits
from xdistill_losses.chains import chain_log_probabilities

Link = Literal["corn", "cumulative_link"]
Logits = Float[Tensor, "batch thresholds"]
LogGrades = Float[Tensor, "batch grades"]


def corn_log_probabilities(logits: Logits) -> LogGrades:
    """CORN: each logit is that of exceeding a grade, given that the one before is exceeded."""
    return chain_log_probabilities(logits)


def cumulative_log_probabilities(exceeding: Logits) -> LogGrades:
    """Of logits of exceeding each grade, in descending order: the differences of their probabilities.

    ``sigmoid(a) - sigmoid(b)`` is ``sigmoid(a) sigmoid(-b) (1 - exp(b - a))``, which does not cancel.
    """
    gaps = (exceeding[:, :-1] - exceeding[:, 1:]).clamp(min=torch.finfo(exceeding.dtype).tiny)
    within = F.logsigmoid(exceeding[:, :-1]) + F.logsigmoid(-exceeding[:, 1:]) + torch.log(-torch.expm1(-gaps))
    return torch.cat([F.logsigmoid(-exceeding[:, :1]), within, F.logsigmoid(exceeding[:, -1:])], dim=1)


def log_grades(logits: Logits, link: Link, *, temperature: float = 1.0) -> LogGrades:
    """Log probabilities of the grades, after the logits of the thresholds are divided by a temperature."""
    if link == "corn":
        return corn_log_probabilities(logits / temperature)
    return cumulative_log_probabilities(cumulative_logits(logits) / temperature)
