"""Concat: the concatenated features of the phases."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import nn

from xdistill.interfaces.component import Choice, Settings, within_field
from xdistill.interfaces.fitted import Estimator
from xdistill.interfaces.network import Student
from xdistill.types import Batch, Output, Schema
from xdistill_baselines.branches import FUSED, BranchChoices, Branches
from xdistill_baselines.layers import fully_connected


class Concat(Student):
    """The phases' vectors are concatenated and classified, by fully connected layers or by a fitted estimator.

    After Nie et al., Multi-channel 3D deep feature learning for survival time prediction of brain tumor patients
    using multi-modal neuroimages, Scientific Reports 9, 2019, which CMD-Net's paper calls concatenation-based feature
    fusion.

    From the source: features of several image modalities, learned by 3-D convolutional networks, are joined.
    Inferred: one encoder per phase, concatenation of their vectors, one hidden layer of 256, training end to end. The
    source works in two stages, with a support vector machine on the learned features and on some clinical
    variables; here images alone are used, as in all baselines. ``estimator: {use: linear_svm}`` gives the second stage:
    the vectors are trained with the fully connected layers, whose logits are the auxiliary output ``fc``; then the
    estimator is fitted to the vectors, and its logits are the network's.

    Taps: each phase's vector under the phase's name, and ``fused`` for all of them in the recipe's order.
    """

    name = "concat"
    config: Config

    class Config(Settings):
        """Branches by name, and the head."""

        branches: BranchChoices
        hidden: tuple[Annotated[int, Field(ge=1)], ...] = Field(
            default=(256,), description="lengths of the hidden layers between the vectors and the logits"
        )
        estimator: Choice[Estimator] | None = Field(
            default=None,
            description="fitted to the vectors, which are trained with the fully connected layers, `fc`; null: the "
            "network's logits are those of the layers",
        )

    def __init__(self, config: Config, *, schema: Schema) -> None:
        super().__init__(config, schema=schema)
        self.branches = Branches(config.branches, schema=schema)
        self.inputs = self.branches.inputs
        width = sum(self.branches.widths.values())
        layers = fully_connected((width, *config.hidden, schema.task.outputs))
        self.head: nn.Module = layers
        if config.estimator is not None:
            self.fc = layers
            with within_field("estimator"):
                self.head = config.estimator.build(inputs=width, classes=schema.task.outputs)

    def forward(self, batch: Batch) -> Output:
        """Logits and taps, and, with an estimator, the logits of the layers as ``fc``."""
        vectors = self.branches(batch)
        fused = torch.cat(list(vectors.values()), dim=1)
        aux = {"fc": self.fc(fused)} if self.config.estimator is not None else {}
        return Output(logits=self.head(fused), features={**vectors, FUSED: fused}, aux=aux)
