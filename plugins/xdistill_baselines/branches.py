"""One encoder per phase, as in all baselines on volumes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, cast

import torch
from jaxtyping import Float
from pydantic import AfterValidator, Field
from torch import Tensor, nn

from xdistill.errors import SettingsError
from xdistill.interfaces.component import Choice, within_field
from xdistill.interfaces.encoder import Encoder
from xdistill.interfaces.network import modality_of
from xdistill.types import Batch, Schema

FUSED = "fused"
"""The tap of the head's input."""

SHARED = "shared"
"""The name of an encoder, or a head, that all phases share."""

_RESERVED = frozenset({FUSED, SHARED, "logits"})


def usable_name(name: str) -> bool:
    """Whether a phase can have this name: it becomes a tap, an auxiliary output and a part of the network."""
    return name.isidentifier() and name not in _RESERVED and not hasattr(nn.ModuleDict, name)


def _check_names(branches: dict[str, Choice[Encoder]]) -> dict[str, Choice[Encoder]]:
    for name in branches:
        if not usable_name(name):
            raise ValueError(f"a branch cannot be named {name!r}; use an identifier such as a phase's name")
    return branches


BranchChoices = Annotated[
    dict[str, Choice[Encoder]],
    Field(min_length=1, max_length=256, description="one encoder per phase; the names become taps"),
    AfterValidator(_check_names),
]


class Branches(nn.ModuleDict):
    """The encoders of a network, by phase.

    Args:
        choices: one encoder per phase.
        schema: of the cohort.
        share: all phases pass one encoder, that of the first phase; it is built, trained and saved once.

    Attributes:
        reads: the modalities of each phase.
        widths: the length of each phase's vector.
        inputs: all modalities, each once.

    Raises:
        SettingsError: for modalities that the cohort does not have, for settings that an encoder rejects, and for
            phases that cannot share an encoder because their settings or their modalities differ.
    """

    def __init__(self, choices: Mapping[str, Choice[Encoder]], *, schema: Schema, share: bool = False) -> None:
        super().__init__()
        self.reads = {name: _inputs(name, choice, schema) for name, choice in choices.items()}
        self.inputs = tuple(dict.fromkeys(modality for inputs in self.reads.values() for modality in inputs))
        self.share = share
        if share:
            _check_alike(choices, self.reads, schema)
            first = next(iter(choices))
            self[SHARED] = _encoder(first, choices[first], self.reads[first], schema)
        else:
            for name, choice in choices.items():
                self[name] = _encoder(name, choice, self.reads[name], schema)
        self.widths = {name: self.encoder(name).width for name in choices}

    def encoder(self, phase: str) -> Encoder:
        """The encoder of a phase."""
        return cast("Encoder", self[SHARED if self.share else phase])

    def forward(self, batch: Batch) -> dict[str, Float[Tensor, "batch _"]]:
        """Each phase's vector ``(batch, widths[phase])``."""
        if self.share:
            return self._encode_together(batch)
        return {phase: self._encode(phase, batch) for phase in self.reads}

    def _encode(self, phase: str, batch: Batch) -> Float[Tensor, "batch width"]:
        inputs = {name: batch.inputs[name] for name in self.reads[phase]}
        vector: Tensor = self[phase](inputs, {name: batch.present[name] for name in self.reads[phase]}).vector
        return vector

    def _encode_together(self, batch: Batch) -> dict[str, Float[Tensor, "batch width"]]:
        """All phases pass the shared encoder together, so that its batch statistics are those of all phases."""
        inputs, present = {}, {}
        for index, name in enumerate(self.encoder(next(iter(self.reads))).modalities):
            inputs[name] = torch.cat([batch.inputs[modalities[index]] for modalities in self.reads.values()])
            present[name] = torch.cat([batch.present[modalities[index]] for modalities in self.reads.values()])
        vectors: Tensor = self[SHARED](inputs, present).vector
        sizes = [batch.inputs[modalities[0]].shape[0] for modalities in self.reads.values()]
        return dict(zip(self.reads, torch.split(vectors, sizes), strict=True))


def _inputs(phase: str, choice: Choice[Encoder], schema: Schema) -> tuple[str, ...]:
    inputs = cast("Encoder.Config", choice.settings).inputs
    for modality in inputs:
        modality_of(schema, modality, field=f"branches.{phase}.inputs")
    return inputs


def _encoder(phase: str, choice: Choice[Encoder], inputs: tuple[str, ...], schema: Schema) -> Encoder:
    with within_field(f"branches.{phase}"):
        return choice.build(inputs={modality: schema.modalities[modality] for modality in inputs})


def _check_alike(choices: Mapping[str, Choice[Encoder]], reads: Mapping[str, tuple[str, ...]], schema: Schema) -> None:
    (first, choice), *others = choices.items()
    for phase, other in others:
        if _signature(other, reads[phase], schema) != _signature(choice, reads[first], schema):
            raise SettingsError(
                f"the branches {first!r} and {phase!r} cannot share an encoder: their settings or the shapes of their "
                f"inputs differ; make them equal, or set `share_encoder: false`",
                field="share_encoder",
            )


def _signature(choice: Choice[Encoder], inputs: tuple[str, ...], schema: Schema) -> tuple[Any, ...]:
    shapes = [(schema.modalities[name].kind, schema.modalities[name].shape) for name in inputs]
    return choice.component, choice.settings.model_dump(exclude={"inputs"}), shapes
