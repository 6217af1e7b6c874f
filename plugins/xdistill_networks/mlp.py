"""A whole network over vector modalities."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import nn

from xdistill.errors import SettingsError
from xdistill.interfaces.network import Student, Teacher, modality_of
from xdistill.types import Batch, Output, Schema
from xdistill_networks.layers import LayerSettings, check_batch, hidden_layers

HIDDEN = "hidden"
"""The tap of the last hidden layer's output."""


class PerceptronNetwork(Teacher, Student):
    """A multilayer perceptron from one or more vector modalities to the logits.

    The modalities are concatenated in the recipe's order. With ``hidden: []`` it is a linear classifier: trained with
    `cross_entropy`, multinomial logistic regression.

    Taps: ``hidden``, the output of the last hidden layer; none without hidden layers.
    """

    name = "mlp"
    config: Config

    class Config(LayerSettings):
        """One or more vector modalities, and the hidden layers."""

        inputs: Annotated[tuple[str, ...], Field(min_length=1)] = Field(description="vector modalities to read")

    def __init__(self, config: Config, *, schema: Schema) -> None:
        super().__init__(config, schema=schema)
        for modality in config.inputs:
            _check_vector(modality, schema)
        self.inputs = tuple(dict.fromkeys(config.inputs))
        hidden, width = hidden_layers(config, sum(schema.modalities[name].shape[0] for name in self.inputs))
        self.layers = nn.Sequential(*hidden)
        self.head = nn.Linear(width, schema.task.outputs)

    def forward(self, batch: Batch) -> Output:
        """Logits and taps; an absent modality is zeros, the mean of standardized columns."""
        vector = torch.cat([batch.inputs[name] for name in self.inputs], dim=-1)
        check_batch(self.config, vector, training=self.training)
        hidden = self.layers(vector)
        return Output(logits=self.head(hidden), features={HIDDEN: hidden} if self.config.hidden else {})


def _check_vector(modality: str, schema: Schema) -> None:
    kind = modality_of(schema, modality, field="inputs").kind
    if kind != "vector":
        raise SettingsError(f"mlp reads vectors, and {modality!r} is of kind {kind}", field="inputs")
