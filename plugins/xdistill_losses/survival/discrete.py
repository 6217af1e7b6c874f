"""The likelihood of discrete time as a task loss."""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from xdistill.errors import SettingsError
from xdistill.interfaces.component import Settings
from xdistill.interfaces.loss import TaskLoss, TrainingFacts
from xdistill.types import Batch, Output, OutputSpec
from xdistill_losses.base import labels
from xdistill_losses.numerics import full

Logits = Float[Tensor, "batch bins"]
Time = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def bin_targets(
    time: Float[Tensor, " batch"], event: Bool[Tensor, " batch"], cuts: Float[Tensor, " bins"]
) -> tuple[Bool[Tensor, "batch bins"], Bool[Tensor, "batch bins"]]:
    """Which bins each subject is known to have survived, and in which it had the event.

    A bin reaches from one cut point to the next, including the latter. A censored subject has survived the bin in
    whose second half it was censored. An event after the last cut point is in no bin.
    """
    starts = F.pad(cuts[:-1], (1, 0))
    place = torch.searchsorted(cuts, time.contiguous())[:, None]
    bins = torch.arange(len(cuts), device=cuts.device)
    second_half = time[:, None] >= (starts + cuts) / 2
    here = bins == place
    return (bins < place) | (here & second_half & ~event[:, None]), here & event[:, None]


def discrete_likelihood(
    logits: Logits, time: Float[Tensor, " batch"], event: Bool[Tensor, " batch"], cuts: Float[Tensor, " bins"]
) -> Float[Tensor, ""]:
    """The mean over the batch of the negative log-likelihood of hazards ``sigmoid(logits)``."""
    survived, happened = bin_targets(time, event, cuts)
    return (F.softplus(logits) * survived + F.softplus(-logits) * happened).sum(dim=1).mean()


class DiscreteTime(TaskLoss):
    r"""Negative log-likelihood of the hazards of discrete time, the mean over the batch.

    .. math::
        L = -\frac{1}{B} \sum_i \Big( \sum_{k \text{ survived}} \log(1 - h_{ik}) + \sum_{k \text{ of the event}}
        \log h_{ik} \Big), \quad h = \sigma(z)

    for logits ``(batch, bins)`` and targets ``(batch, 2)`` of time and event, 1 or, for a censored subject, 0. Bins end
    at the cut points. After Gensheimer and Narasimhan, A scalable discrete-time survival model for neural networks,
    PeerJ 7, 2019, equations 3 and 4: a subject censored in the second half of a bin has survived it.

    Raises:
        SettingsError: without cut points, or with another number of them than the network has logits.
    """

    name = "discrete_time"
    tasks: ClassVar[tuple[str, ...]] = ("survival",)
    config: Config
    cuts: Tensor

    class Config(Settings):
        """The cut points."""

        cuts: tuple[Time, ...] | None = Field(
            default=None, description="ends of the bins, ascending, in the unit of time; null: those of the task"
        )

    def __init__(self, config: Config, *, output: OutputSpec, training: TrainingFacts) -> None:
        super().__init__(config, output=output, training=training)
        cuts = config.cuts if config.cuts is not None else getattr(training.schema.task, "cuts", ())
        if not cuts:
            raise SettingsError(
                "discrete time needs cut points, and the task has none; set `method: discrete` of the task, or `cuts` "
                "of the loss",
                field="cuts",
            )
        if list(cuts) != sorted(set(cuts)):
            raise SettingsError(f"`cuts` must ascend, got {', '.join(map('{:g}'.format, cuts))}", field="cuts")
        if len(cuts) != output.outputs:
            raise SettingsError(
                f"there are {len(cuts)} cut points, and the network has {output.outputs} logits; they must be as many",
                field="cuts",
            )
        # Not saved: they follow from the recipe and the cohort.
        self.register_buffer("cuts", torch.tensor(cuts, dtype=torch.float64), persistent=False)

    def forward(self, output: Output, batch: Batch) -> Float[Tensor, ""]:
        """The mean over the batch."""
        target = labels(batch)
        return discrete_likelihood(full(output.logits), target[:, 0], target[:, 1] == 1, self.cuts.to(target.dtype))
