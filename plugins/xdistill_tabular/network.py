"""A whole network over vector modalities."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Annotated

import torch
from pydantic import Field
from torch import nn

from xdistill.errors import SettingsError
from xdistill.interfaces.network import Student, Teacher
from xdistill.types import Batch, Output, Schema
from xdistill_tabular.layers import LayerSettings, check_batch, hidden_layers

HIDDEN = "hidden"
"""The tap of what the last hidden layer says."""


class PerceptronNetwork(Teacher, Student):
    """A multilayer perceptron from one or more vector modalities to the logits.

    The modalities are concatenated in the recipe's order. With ``hidden: []`` it is a linear classifier: trained with
    `cross_entropy`, multinomial logistic regression.

    Taps: ``hidden``, what comes out of the last hidden layer; none without hidden layers.
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
        """Logits and taps; an absent modality is seen as zeros, which is the mean of standardised columns."""
        vector = torch.cat([batch.inputs[name] for name in self.inputs], dim=-1)
        check_batch(self.config, vector, training=self.training)
        hidden = self.layers(vector)
        return Output(logits=self.head(hidden), features={HIDDEN: hidden} if self.config.hidden else {})


def _check_vector(modality: str, schema: Schema) -> None:
    if modality not in schema.modalities:
        near = get_close_matches(modality, schema.modalities, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(schema.modalities)}"
        raise SettingsError(f"the cohort has no modality {modality!r}; {hint}", field="inputs")
    kind = schema.modalities[modality].kind
    if kind != "vector":
        raise SettingsError(f"mlp reads vectors, and {modality!r} is of kind {kind}", field="inputs")
