"""A teacher that reads a part of a modality's columns."""

from __future__ import annotations

from dataclasses import replace

import torch
from pydantic import Field
from torch import Tensor

from xdistill.errors import SettingsError
from xdistill.interfaces import Choice, Settings, Teacher
from xdistill.interfaces.component import within_field
from xdistill.interfaces.network import modality_of
from xdistill.types import Batch, Output, Schema


class FocusedTeacher(Teacher):
    """A network for which some columns of a vector modality are zeros.

    Which ones is state, saved with the weights: at first none, until the callback `modality_focus` has chosen. After
    Xue et al., The modality focusing hypothesis, ICLR 2023, whose modality-general teacher reads only the features
    that matter to the student's modality.

    Inferred: other columns are set to zero, as the features of the paper's real experiments are. In its Gaussian
    experiment they are removed from the input, which is the same but for how the first layer is initialised.

    Taps: those of the network.

    Raises:
        SettingsError: for a modality that the network does not read, or that is not a vector.
    """

    name = "focused"
    config: Config

    class Config(Settings):
        """The network, and the modality whose columns are chosen."""

        network: Choice[Teacher] = Field(description="the teacher itself")
        modality: str = Field(description="the vector modality whose columns are chosen, such as the privileged one")

    mask: Tensor

    def __init__(self, config: Config, *, schema: Schema) -> None:
        super().__init__(config, schema=schema)
        spec = modality_of(schema, config.modality, field="modality")
        with within_field("network"):
            self.network = config.network.build(schema=schema)
        self.inputs = self.network.inputs
        if spec.kind != "vector" or config.modality not in self.inputs:
            raise SettingsError(
                f"focused chooses columns of a vector that the network reads; {config.modality!r} is of kind "
                f"{spec.kind}, and the network reads {', '.join(self.inputs)}",
                field="modality",
            )
        self.register_buffer("mask", torch.ones(spec.shape[0]))

    def forward(self, batch: Batch) -> Output:
        """The network's output without the other columns."""
        name = self.config.modality
        seen = batch.inputs[name] * self.mask.to(batch.inputs[name].dtype)
        output: Output = self.network(replace(batch, inputs={**batch.inputs, name: seen}))
        return output
