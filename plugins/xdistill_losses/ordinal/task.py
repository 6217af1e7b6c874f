"""Task losses of ordinal classification: CORN and the cumulative link model."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from xdistill.errors import SettingsError
from xdistill.interfaces.component import Settings
from xdistill.interfaces.loss import TaskLoss, TrainingFacts
from xdistill.types import Batch, Output, OutputSpec
from xdistill_losses.base import labels
from xdistill_losses.numerics import full
from xdistill_losses.ordinal.links import log_grades

Logits = Float[Tensor, "batch thresholds"]
Grades = Int[Tensor, " batch"]


def corn_loss(logits: Logits, target: Grades) -> Float[Tensor, ""]:
    """The mean binary cross entropy of exceeding each grade, over the subjects that exceed the one before."""
    grades = torch.arange(logits.shape[1], device=logits.device)
    asked = target[:, None] >= grades
    exceeds = (target[:, None] > grades).to(logits.dtype)
    losses = F.binary_cross_entropy_with_logits(logits, exceeds, reduction="none")
    return losses[asked].sum() / asked.sum()


class _OfLink(TaskLoss):
    """A loss of one link; refuses a task with the other."""

    tasks: ClassVar[tuple[str, ...]] = ("ordinal",)

    def __init__(self, config: Settings, *, output: OutputSpec, training: TrainingFacts) -> None:
        super().__init__(config, output=output, training=training)
        link = getattr(training.schema.task, "link", self.name)
        if link != self.name:
            raise SettingsError(
                f"the logits of the task are those of `link: {link}`; use the loss `{link}`, or set "
                f"`link: {self.name}` of the task"
            )


class Corn(_OfLink):
    r"""CORN: a binary classifier for each threshold, trained on the subjects that reach it.

    .. math::
        L = -\frac{1}{\sum_k |S_k|} \sum_k \sum_{i \in S_k} [y_i > k] \log \sigma(z_{ik})
        + [y_i \le k] \log(1 - \sigma(z_{ik})), \quad S_k = \{i : y_i \ge k\}

    for logits ``(batch, grades - 1)`` of :math:`P(y > k \mid y > k - 1)`, with grades counted from zero. Their products
    are probabilities of exceeding a grade, which never rise from one to the next. After Shi, Cao and Raschka, Deep
    neural networks for rank-consistent ordinal regression based on conditional probabilities, 2021.
    """

    name = "corn"

    class Config(Settings):
        """No settings."""

    def forward(self, output: Output, batch: Batch) -> Float[Tensor, ""]:
        """The mean over subjects and the thresholds that they reach."""
        return corn_loss(full(output.logits), labels(batch))


class CumulativeLink(_OfLink):
    r"""Cumulative link model: negative log-likelihood of the grade, a difference of two cumulative logits.

    .. math::
        L = -\frac{1}{B} \sum_i \log\big(\sigma(a_{i,y_i-1}) - \sigma(a_{i,y_i})\big), \quad
        a_{i0} = z_{i0}, \; a_{ik} = a_{i,k-1} - \log(1 + e^{z_{ik}})

    for logits ``(batch, grades - 1)``; :math:`\sigma(a_{ik})` is the probability of exceeding grade k. After McCullagh,
    Regression models for ordinal data, JRSS B 42, 1980; the thresholds may differ between subjects here, which the
    softplus keeps in order, so that no parameter lies outside of the network.
    """

    name = "cumulative_link"

    class Config(Settings):
        """No settings."""

    def forward(self, output: Output, batch: Batch) -> Float[Tensor, ""]:
        """The mean over the batch."""
        return F.nll_loss(log_grades(full(output.logits), "cumulative_link"), labels(batch))
