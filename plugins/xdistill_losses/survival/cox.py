"""Cox's partial likelihood as a task loss."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor

from xdistill.errors import SettingsError
from xdistill.interfaces.component import Settings
from xdistill.interfaces.loss import TaskLoss, TrainingFacts
from xdistill.types import Batch, Output, OutputSpec
from xdistill_losses.base import labels
from xdistill_losses.numerics import full, in_full_precision, nothing

Ties = Literal["efron", "breslow"]


def negative_partial_likelihood(
    log_hazards: Float[Tensor, " batch"],
    time: Float[Tensor, " batch"],
    event: Bool[Tensor, " batch"],
    *,
    ties: Ties = "efron",
) -> Float[Tensor, ""]:
    """The mean over events of ``log sum of the hazards at risk - log hazard``; zero without an event.

    At risk at a time are those with an event or censoring then or later. Of several events at one time, Breslow's sum
    holds all of them for each, Efron's leaves out ``0/m, 1/m, ...`` of their hazards in turn. Sums are taken of
    logarithms, so that large log hazards do not overflow.
    """
    if not bool(event.any()):
        return nothing(log_hazards)
    order = time.argsort()
    ours, when, happens = log_hazards[order], time[order], event[order]
    at_risk = ours.flip(0).logcumsumexp(dim=0).flip(0)  # of each and all who follow
    ours, when, at_risk = ours[happens], when[happens], at_risk[torch.searchsorted(when, when[happens])]
    if ties == "efron":
        at_risk = at_risk + _without_ties(ours, when, at_risk)
    return (at_risk - ours).mean()


def _without_ties(
    log_hazards: Float[Tensor, " events"], time: Float[Tensor, " events"], at_risk: Float[Tensor, " events"]
) -> Float[Tensor, " events"]:
    """What Efron's correction adds to the log of each event's sum."""
    tied = time[:, None] == time
    share = tied.tril(-1).sum(dim=1) / tied.sum(dim=1)
    together = log_hazards.expand_as(tied).masked_fill(~tied, -torch.inf).logsumexp(dim=1)
    return torch.log1p(-share * (together - at_risk).exp())


class Cox(TaskLoss):
    r"""Negative log partial likelihood of Cox's model, the mean over the events of the batch.

    .. math::
        L = -\frac{1}{|E|} \sum_{i \in E} \Big( z_i - \log \sum_{j : t_j \ge t_i} e^{z_j} \Big)

    for log hazards ``(batch, 1)`` and targets ``(batch, 2)`` of time and event, 1 or, for a censored subject, 0. After
    Cox, Regression models and life-tables, JRSS B 34, 1972; as the loss of a network Katzman et al., DeepSurv, 2018.
    Events at one time are corrected for after Efron, 1977, or Breslow, 1974.

    Subjects are compared within their batch, so batches should hold several events. A batch without any has the loss
    zero. The value is torchsurv's ``neg_partial_log_likelihood`` where no two times are equal. With equal times, that
    of torchsurv 0.2 divides by the number of different times, leaves out subjects censored at the time of an event, and
    overflows in single precision.

    Raises:
        SettingsError: for a network with several logits, which are hazards of discrete time.
    """

    name = "cox"
    tasks: ClassVar[tuple[str, ...]] = ("survival",)
    config: Config

    class Config(Settings):
        """How events at one time are treated."""

        ties: Ties = Field(default="efron", description="correction for events at one time: efron or breslow")

    def __init__(self, config: Config, *, output: OutputSpec, training: TrainingFacts) -> None:
        super().__init__(config, output=output, training=training)
        if output.outputs != 1:
            raise SettingsError(
                f"Cox's model has one logit, a log hazard, and the network has {output.outputs}; use `discrete_time`, "
                f"or set `method: cox` of the task"
            )

    def forward(self, output: Output, batch: Batch) -> Float[Tensor, ""]:
        """The mean over events."""
        target = labels(batch)
        with in_full_precision(output.logits):
            return negative_partial_likelihood(
                full(output.logits)[:, 0], target[:, 0], target[:, 1] == 1, ties=self.config.ties
            )
