"""LSTM: phases as a sequence in time."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import nn

from xdistill.errors import SettingsError
from xdistill.interfaces.component import Settings
from xdistill.interfaces.network import Student
from xdistill.types import Batch, Output, Schema
from xdistill_baselines.branches import FUSED, BranchChoices, Branches


class Lstm(Student):
    """An LSTM over the phases' vectors, in the order of acquisition.

    After Men et al., Prediction of microvascular invasion of hepatocellular carcinoma with contrast-enhanced MR using
    3D CNN and LSTM, ISBI 2019.

    From the source: features of a 3-D convolutional network for each phase, fused by long short-term memory. Inferred:
    one layer of 256 units, its last state alone is classified, dropout of 0.5 before one fully connected layer, one
    encoder per phase.

    Taps: each phase's vector under the phase's name, and ``fused`` for the last state.

    Raises:
        SettingsError: if ``sequence`` does not name every branch once, and for branches of different length.
    """

    name = "lstm"
    config: Config

    class Config(Settings):
        """Branches by name, their order in time, and the LSTM."""

        branches: BranchChoices
        sequence: Annotated[tuple[str, ...], Field(min_length=1)] = Field(
            description="all branches in the order of acquisition, such as [pre, hbp]"
        )
        hidden: Annotated[int, Field(ge=1)] = Field(default=256, description="length of the LSTM's state")
        dropout: Annotated[float, Field(ge=0, lt=1)] = Field(
            default=0.5, description="share of the last state's values dropped before the classifier"
        )
        share_encoder: bool = Field(
            default=False, description="all phases pass one encoder; the branches' settings must be equal"
        )

    def __init__(self, config: Config, *, schema: Schema) -> None:
        super().__init__(config, schema=schema)
        _check_sequence(config)
        self.branches = Branches(config.branches, schema=schema, share=config.share_encoder)
        self.inputs = self.branches.inputs
        self.lstm = nn.LSTM(_common_width(self.branches.widths), config.hidden, batch_first=True)
        self.head = nn.Sequential(nn.Dropout(config.dropout), nn.Linear(config.hidden, schema.task.outputs))

    def forward(self, batch: Batch) -> Output:
        """Logits and taps."""
        vectors = self.branches(batch)
        sequence = torch.stack([vectors[phase] for phase in self.config.sequence], dim=1)
        states, _ = self.lstm(sequence)
        last = states[:, -1]
        return Output(logits=self.head(last), features={**vectors, FUSED: last})


def _check_sequence(config: Lstm.Config) -> None:
    if sorted(config.sequence) != sorted(config.branches):
        raise SettingsError(
            f"the sequence {', '.join(config.sequence)} must name every branch once: {', '.join(config.branches)}",
            field="sequence",
        )


def _common_width(widths: dict[str, int]) -> int:
    (first, width), *others = widths.items()
    for name, other in others:
        if other != width:
            raise SettingsError(
                f"the vector of {first!r} has {width} values and that of {name!r} {other}: the steps of a sequence "
                f"need the same length; make `features` equal",
                field=f"branches.{name}",
            )
    return width
