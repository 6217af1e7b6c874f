"""An encoder of vector modalities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor, nn

from xdistill.errors import SettingsError
from xdistill.interfaces.encoder import Encoder, Encoding
from xdistill.types import ModalitySpec
from xdistill_networks.layers import LayerSettings, check_batch, hidden_layers


class Perceptron(Encoder):
    """A multilayer perceptron over one or more vector modalities, concatenated in the recipe's order.

    Each hidden layer is fully connected, then optionally normalized, activated, and dropped out; the last
    layer, of ``features`` values, is linear. Without hidden layers it is a linear map.
    """

    name = "mlp"
    config: Config

    class Config(LayerSettings, Encoder.Config):
        """One or more vector modalities in ``inputs``."""

        features: Annotated[int, Field(ge=1)] = Field(default=64, description="length of the branch's vector")

    def __init__(self, config: Config, *, inputs: Mapping[str, ModalitySpec]) -> None:
        super().__init__(config, inputs=inputs)
        others = [f"{name} ({spec.kind})" for name, spec in inputs.items() if spec.kind != "vector"]
        if others or not inputs:
            raise SettingsError(f"mlp reads vectors, not {', '.join(others) or 'nothing'}", field="inputs")
        hidden, width = hidden_layers(config, sum(spec.shape[0] for spec in inputs.values()))
        self.layers = nn.Sequential(*hidden, nn.Linear(width, config.features))
        self.width = config.features

    def forward(
        self, inputs: Mapping[str, Float[Tensor, "batch ..."]], present: Mapping[str, Bool[Tensor, " batch"]]
    ) -> Encoding:
        """Encode a batch; an absent modality is zeros, the mean of standardized columns."""
        del present
        vector = torch.cat([inputs[name] for name in self.config.inputs], dim=-1)
        check_batch(self.config, vector, training=self.training)
        return Encoding(vector=self.layers(vector))
