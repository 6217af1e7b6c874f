"""3DCNN: phases stacked as channels of one volume."""

from __future__ import annotations

from typing import Annotated, cast

import torch
from pydantic import Field
from torch import nn

from xdistill.errors import SettingsError
from xdistill.interfaces.component import Choice, Settings, within_field
from xdistill.interfaces.encoder import Encoder
from xdistill.interfaces.network import Student, modality_of
from xdistill.types import Batch, ModalitySpec, Output, Schema
from xdistill_baselines.branches import FUSED

STACK = "stack"


class Cnn3d(Student):
    """One encoder for all phases, stacked as channels of one volume; one fully connected layer classifies.

    After the 3-D convolutional network of Jiang et al., Preoperative identification of microvascular invasion in
    hepatocellular carcinoma by XGBoost and deep learning, Journal of Cancer Research and Clinical Oncology 147, 2021.

    From the source: a 3-D convolutional network (there of CT) predicts the invasion. Inferred: its layers (here the
    same encoder as in every other baseline), and that MRI phases are stacked as channels. Phases that are
    not registered to each other are stacked as they are: the misalignment is part of this baseline.

    The encoder's ``inputs`` is one name of your choice, such as ``stack``, for the stacked volume. Tap:
    ``fused``, the encoder's vector.

    Raises:
        SettingsError: for phases that differ in kind or size, and for an encoder of several inputs.
    """

    name = "cnn3d"
    config: Config

    class Config(Settings):
        """Which phases, and the encoder."""

        phases: Annotated[tuple[str, ...], Field(min_length=1)] = Field(
            description="image modalities that are stacked, in this order"
        )
        input: str = Field(
            default=STACK, description="`stack`: all phases; or the name of one phase, which alone is then read"
        )
        encoder: Choice[Encoder] = Field(description="reads the stacked volume; its `inputs` is one name, any")

    def __init__(self, config: Config, *, schema: Schema) -> None:
        super().__init__(config, schema=schema)
        self.inputs = _phases(config)
        self.stacked = _stacked_name(config)
        spec = _stack_spec({name: modality_of(schema, name, field="phases") for name in self.inputs})
        with within_field("encoder"):
            self.encoder = config.encoder.build(inputs={self.stacked: spec})
        self.head = nn.Linear(self.encoder.width, schema.task.outputs)

    def forward(self, batch: Batch) -> Output:
        """Logits and the tap."""
        volume = torch.cat([batch.inputs[name] for name in self.inputs], dim=1)
        present = torch.stack([batch.present[name] for name in self.inputs]).any(dim=0)
        vector = self.encoder({self.stacked: volume}, {self.stacked: present}).vector
        return Output(logits=self.head(vector), features={FUSED: vector})


def _phases(config: Cnn3d.Config) -> tuple[str, ...]:
    if len(set(config.phases)) < len(config.phases):
        raise SettingsError("a phase is named twice; name each once", field="phases")
    if config.input == STACK:
        return config.phases
    if config.input not in config.phases:
        raise SettingsError(
            f"{config.input!r} is neither `{STACK}` nor one of the phases {', '.join(config.phases)}", field="input"
        )
    return (config.input,)


def _stacked_name(config: Cnn3d.Config) -> str:
    inputs = cast("Encoder.Config", config.encoder.settings).inputs
    if len(inputs) != 1:
        raise SettingsError(
            f"the encoder reads one stacked volume; `inputs` needs one name, such as [{STACK}], not {len(inputs)}",
            field="encoder.inputs",
        )
    return inputs[0]


def _stack_spec(phases: dict[str, ModalitySpec]) -> ModalitySpec:
    """The spec of the phases' channels together."""
    (first, spec), *others = phases.items()
    for name, other in others:
        if (other.kind, other.shape[1:]) != (spec.kind, spec.shape[1:]):
            raise SettingsError(
                f"{first!r} is a {_shown(spec)} and {name!r} a {_shown(other)}: only phases of one kind and size can "
                f"be stacked; resize them to one size in `data`, or name one of them as `input`",
                field="phases",
            )
    channels = sum(phase.shape[0] for phase in phases.values())
    return ModalitySpec(kind=spec.kind, shape=(channels, *spec.shape[1:]), unit=spec.unit)


def _shown(spec: ModalitySpec) -> str:
    return f"{spec.kind} of {'x'.join(map(str, spec.shape[1:]))}"
