"""An encoder that passes its vectors on unchanged."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from xdistill.errors import SettingsError
from xdistill.interfaces.encoder import Encoder, Encoding
from xdistill.types import ModalitySpec


class Values(Encoder):
    """The values of one or more vector modalities, concatenated in the recipe's order; nothing is learned.

    As a branch of the teacher it makes the privileged values a tap. A student with a loss of features such as `hint`
    then predicts them, which trains it on more than the labels. After Caruana and de Sa, Promoting poor features to
    supervisors: some inputs work better as outputs, NIPS 1996.
    """

    name = "values"
    config: Encoder.Config

    def __init__(self, config: Encoder.Config, *, inputs: Mapping[str, ModalitySpec]) -> None:
        super().__init__(config, inputs=inputs)
        others = [f"{name} ({spec.kind})" for name, spec in inputs.items() if spec.kind != "vector"]
        if others or not inputs:
            raise SettingsError(f"values reads vectors, not {', '.join(others) or 'nothing'}", field="inputs")
        self.width = sum(spec.shape[0] for spec in inputs.values())

    def forward(
        self, inputs: Mapping[str, Float[Tensor, "batch ..."]], present: Mapping[str, Bool[Tensor, " batch"]]
    ) -> Encoding:
        """The values ``(batch, items)``; those of an absent modality are zeros, the mean of standardized columns."""
        del present
        return Encoding(vector=torch.cat([inputs[name] for name in self.config.inputs], dim=-1))
