"""MMANet's margin-aware distillation."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from xdistill.interfaces.component import Settings
from xdistill.interfaces.loss import DistillationLoss, check_taps
from xdistill.types import Batch, Output, OutputSpec
from xdistill_crossmodal.base import full, in_full_precision

Rows = Float[Tensor, "batch elements"]
Weights = Literal["entropy", "uniform"]
TINY = 1e-12


def normalised_similarity(features: Rows) -> Float[Tensor, "batch batch"]:
    """Inner products between subjects, each row with L2 length one; a row of zeros stays one."""
    product = features @ features.T
    length = torch.linalg.vector_norm(product, dim=1, keepdim=True)
    unit: Tensor = product / length.masked_fill(length <= TINY, torch.inf)
    return unit


def entropy_weights(logits: Float[Tensor, "batch classes"]) -> Float[Tensor, " batch"]:
    """The entropy of each subject's probabilities, divided by the sum over the batch; equal if all are zero."""
    log_p = F.log_softmax(logits, dim=1)
    entropy = -(log_p.exp() * log_p).sum(dim=1)
    total = entropy.sum()
    even = torch.full_like(entropy, 1 / len(entropy))
    return torch.where(total > TINY, entropy / total.clamp(min=TINY), even)


class MarginAware(DistillationLoss):
    r"""Similarities between subjects, weighted by the teacher's uncertainty about a subject.

    .. math::
        G_{ij} = \frac{\langle f_i, f_j \rangle}{\sqrt{\sum_k \langle f_i, f_k \rangle^2}}, \quad
        w_j = \frac{H(p_{t,j})}{\sum_k H(p_{t,k})}, \quad L = \sum_i \sum_j w_j (G^s_{ij} - G^t_{ij})^2

    with H the entropy of the teacher's probabilities. After Wei, Luo and Luo, MMANet: margin-aware distillation and
    modality-aware regularization for incomplete multimodal learning, CVPR 2023: subjects near the decision boundary
    decide it, so their relations count more. Its second part, the regularisation by a shared auxiliary network that is
    trained on the hardest combination of modalities, is a network, not a loss, and is not included. ``weights:
    uniform`` is the ablation: the similarities of `sp` with equal weights, times the number of subjects.

    Inferred: the weight is that of the column's subject and the rows are summed, as in the official code. A batch of
    which the teacher is entirely certain has equal weights. Features of any shape are flattened.

    Raises:
        SettingsError: for a tap that a network lacks.
    """

    name = "margin_aware"
    tasks = ("classification",)
    config: Config

    class Config(Settings):
        """Which feature, and the weights."""

        taps: tuple[str, ...] = Field(min_length=1, description="features to compare; one term per feature, summed")
        weights: Weights = Field(default="entropy", description="of the subjects; uniform: all the same")

    def __init__(self, config: Config, *, student: OutputSpec, teacher: OutputSpec) -> None:
        super().__init__(config, student=student, teacher=teacher)
        check_taps(config.taps, student, network="student")
        check_taps(config.taps, teacher, network="teacher")

    def forward(self, student: Output, teacher: Output, batch: Batch) -> Float[Tensor, ""]:
        """The sum over the features."""
        with in_full_precision(student.logits):
            weight = entropy_weights(full(teacher.logits))
            if self.config.weights == "uniform":
                weight = torch.full_like(weight, 1 / len(batch))
            terms = [_term(student.features[tap], teacher.features[tap], weight) for tap in self.config.taps]
            return torch.stack(terms).sum()


def _term(student: Tensor, teacher: Tensor, weight: Float[Tensor, " batch"]) -> Float[Tensor, ""]:
    ours, theirs = (normalised_similarity(full(value).flatten(1)) for value in (student, teacher))
    return (weight * (ours - theirs).square()).sum()
