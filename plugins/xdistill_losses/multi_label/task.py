"""The task loss of multi-label classification."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from xdistill.errors import SettingsError
from xdistill.interfaces.component import Settings
from xdistill.interfaces.loss import TaskLoss, TrainingFacts
from xdistill.types import Batch, Output, OutputSpec
from xdistill_losses.base import labels
from xdistill_losses.numerics import full

Positive = Annotated[float, Field(gt=0)]


class BinaryCrossEntropy(TaskLoss):
    r"""Binary cross entropy of every label, the mean over subjects and labels.

    .. math::
        L = -\frac{1}{BL} \sum_i \sum_l w_l y_{il} \log \sigma(z_{il}) + (1 - y_{il}) \log(1 - \sigma(z_{il}))

    for logits ``(batch, labels)`` and targets of 0 and 1 in the same shape. With weights above 1, subjects that have a
    rare label count more.

    Raises:
        SettingsError: for weights that are not one per label, and for ``inverse_frequency`` of a label that no or every
            training subject has.
    """

    name = "binary_cross_entropy"
    tasks: ClassVar[tuple[str, ...]] = ("multi_label",)
    config: Config
    weights: Tensor | None

    class Config(Settings):
        """Weights of the subjects that have a label."""

        positive_weight: Literal["none", "inverse_frequency"] | tuple[Positive, ...] = Field(
            default="none",
            description="factor of the subjects that have a label: none; inverse_frequency, the number of training "
            "subjects that lack it for each that has it; or a number per label",
        )

    def __init__(self, config: Config, *, output: OutputSpec, training: TrainingFacts) -> None:
        super().__init__(config, output=output, training=training)
        # Not saved: it follows from the recipe and the split.
        self.register_buffer("weights", _weights(config, output.outputs, training), persistent=False)

    def forward(self, output: Output, batch: Batch) -> Float[Tensor, ""]:
        """The mean over subjects and labels."""
        logits = full(output.logits)
        return F.binary_cross_entropy_with_logits(logits, labels(batch).to(logits.dtype), pos_weight=self.weights)


def _weights(config: BinaryCrossEntropy.Config, count: int, training: TrainingFacts) -> Float[Tensor, " labels"] | None:
    if config.positive_weight == "none":
        return None
    if config.positive_weight == "inverse_frequency":
        return _inverse_frequency(training.targets, training.schema.task.names)
    if len(config.positive_weight) != count:
        raise SettingsError(
            f"`positive_weight` has {len(config.positive_weight)} numbers for {count} labels", field="positive_weight"
        )
    return torch.tensor(config.positive_weight)


def _inverse_frequency(targets: NDArray[np.generic] | None, names: Sequence[str]) -> Float[Tensor, " labels"]:
    if targets is None:
        raise SettingsError(
            "the training subjects are not known, so no label has a frequency; set `positive_weight` to numbers",
            field="positive_weight",
        )
    have = (np.asarray(targets) == 1).sum(axis=0)
    lack = len(targets) - have
    for name, some, others in zip(names, have, lack, strict=True):
        if not some or not others:
            raise SettingsError(
                f"{'every' if some else 'no'} training subject has the label {name!r}, so it has no inverse "
                f"frequency; set `positive_weight` to numbers, or use fewer folds",
                field="positive_weight",
            )
    return torch.tensor(lack / have, dtype=torch.get_default_dtype())
