"""Fully connected hidden layers of the encoder `mlp` and the network `mlp`."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor, nn

from xdistill.errors import SettingsError
from xdistill.interfaces.component import Settings

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "selu": nn.SELU,
    "tanh": nn.Tanh,
}
_NORMS: dict[str, type[nn.Module]] = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm}


class LayerSettings(Settings):
    """How hidden layers are built."""

    hidden: tuple[Annotated[int, Field(ge=1)], ...] = Field(default=(128,), description="lengths of the hidden layers")
    activation: Literal["relu", "gelu", "silu", "selu", "tanh"] = Field(
        default="relu", description="after each hidden layer"
    )
    norm: Literal["none", "batch", "layer"] = Field(default="none", description="before each hidden layer's activation")
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.0, description="share of values dropped after each hidden layer"
    )


def hidden_layers(config: LayerSettings, inside: int) -> tuple[list[nn.Module], int]:
    """The hidden layers after ``inside`` values, and the length of their output."""
    sizes = [inside, *config.hidden]
    return [part for one, other in pairwise(sizes) for part in _layer(config, one, other)], sizes[-1]


def check_batch(config: LayerSettings, vector: Tensor, *, training: bool) -> None:
    """Refuse a batch that batch norm cannot learn from.

    Raises:
        SettingsError: for a training batch of one subject.
    """
    if training and config.norm == "batch" and config.hidden and vector.shape[0] == 1:
        raise SettingsError(
            "batch norm cannot learn from a batch of one subject; use `norm: layer`, or `loader.drop_last: "
            "true` if only the last batch of an epoch has one subject",
            field="norm",
        )


def _layer(config: LayerSettings, inside: int, outside: int) -> list[nn.Module]:
    norm = [] if config.norm == "none" else [_NORMS[config.norm](outside)]
    dropout = [nn.Dropout(config.dropout)] if config.dropout else []
    return [nn.Linear(inside, outside), *norm, ACTIVATIONS[config.activation](), *dropout]
