"""An encoder of vector modalities."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Literal

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor, nn

from xdistill.errors import SettingsError
from xdistill.interfaces.encoder import Encoder, Encoding
from xdistill.types import ModalitySpec

_ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "selu": nn.SELU,
    "tanh": nn.Tanh,
}
_NORMS: dict[str, type[nn.Module]] = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm}


class Perceptron(Encoder):
    """A multilayer perceptron over one or more vector modalities, concatenated in the recipe's order.

    Each hidden layer is fully connected, then normalised where asked for, activated, and dropped out; the last
    layer, of ``features`` values, is linear. Without hidden layers it is a linear map.
    """

    name = "mlp"
    config: Config

    class Config(Encoder.Config):
        """One or more vector modalities in ``inputs``."""

        hidden: tuple[Annotated[int, Field(ge=1)], ...] = Field(
            default=(128,), description="lengths of the hidden layers"
        )
        features: Annotated[int, Field(ge=1)] = Field(default=64, description="length of the branch's vector")
        activation: Literal["relu", "gelu", "silu", "selu", "tanh"] = Field(
            default="relu", description="after each hidden layer"
        )
        norm: Literal["none", "batch", "layer"] = Field(
            default="none", description="before each hidden layer's activation"
        )
        dropout: Annotated[float, Field(ge=0, lt=1)] = Field(
            default=0.0, description="share of values dropped after each hidden layer"
        )

    def __init__(self, config: Config, *, inputs: Mapping[str, ModalitySpec]) -> None:
        super().__init__(config, inputs=inputs)
        others = [f"{name} ({spec.kind})" for name, spec in inputs.items() if spec.kind != "vector"]
        if others or not inputs:
            raise SettingsError(f"mlp reads vectors, not {', '.join(others) or 'nothing'}", field="inputs")
        sizes = [sum(spec.shape[0] for spec in inputs.values()), *config.hidden]
        hidden = [part for inside, outside in pairwise(sizes) for part in _layer(config, inside, outside)]
        self.layers = nn.Sequential(*hidden, nn.Linear(sizes[-1], config.features))
        self.width = config.features

    def forward(
        self, inputs: Mapping[str, Float[Tensor, "batch ..."]], present: Mapping[str, Bool[Tensor, " batch"]]
    ) -> Encoding:
        """Encode a batch; an absent modality is seen as zeros, which is the mean of standardised columns."""
        del present
        vector = torch.cat([inputs[name] for name in self.config.inputs], dim=-1)
        if self.training and self.config.norm == "batch" and vector.shape[0] == 1:
            raise SettingsError(
                "batch norm cannot learn from a batch of one subject; use norm: layer, or loader.drop_last: true if "
                "it is the last batch of an epoch that holds one subject",
                field="norm",
            )
        return Encoding(vector=self.layers(vector))


def _layer(config: Perceptron.Config, inside: int, outside: int) -> list[nn.Module]:
    norm = [] if config.norm == "none" else [_NORMS[config.norm](outside)]
    dropout = [nn.Dropout(config.dropout)] if config.dropout else []
    return [nn.Linear(inside, outside), *norm, _ACTIVATIONS[config.activation](), *dropout]
