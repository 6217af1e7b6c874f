"""A network of branches, one fusion and one head."""

from __future__ import annotations

from typing import Annotated, cast

import torch
from pydantic import Field, field_validator
from torch import nn

from xdistill.interfaces.component import Choice, Settings, within_field
from xdistill.interfaces.encoder import Encoder, Encoding
from xdistill.interfaces.fusion import BranchSpec, Fusion
from xdistill.interfaces.network import Student, Teacher, modality_of
from xdistill.types import Batch, Output, Schema
from xdistill_networks.head import HeadConfig, build_head
from xdistill_networks.sharing import share_clinical

FUSED = "fused"
"""The tap of the fused vector."""


class MultiBranch(Teacher, Student):
    """Each branch encodes its modalities, a fusion joins the branches' vectors, a head scores the classes.

    Taps: each branch's vector under the branch's name (before the fusion), ``<branch>.map`` for its last
    feature map where the encoder has one, and ``fused``.
    """

    name = "multibranch"
    config: Config

    class Config(Settings):
        """Branches by name, how they are joined, and the head."""

        branches: Annotated[dict[str, Choice[Encoder]], Field(min_length=1, max_length=256)] = Field(
            description="an encoder for each branch; the names become taps"
        )
        fusion: Choice[Fusion] | None = Field(
            default=None, description="joins the branches' vectors; null: concatenation"
        )
        head: HeadConfig = Field(default=HeadConfig(), description="from the fused vector to the logits")
        share_clinical: bool = Field(
            default=False,
            description="all branches with clinical layers, such as mri_clinical_fusion, use those of the first one",
        )

        @field_validator("branches")
        @classmethod
        def _usable_names(cls, branches: dict[str, Choice[Encoder]]) -> dict[str, Choice[Encoder]]:
            for name in branches:
                if not name.isidentifier() or name == FUSED or hasattr(nn.ModuleDict, name):
                    raise ValueError(f"a branch cannot be named {name!r}; use an identifier such as a phase's name")
            return branches

    def __init__(self, config: Config, *, schema: Schema) -> None:
        super().__init__(config, schema=schema)
        reads = {name: _inputs(name, choice, schema) for name, choice in config.branches.items()}
        self.inputs = tuple(dict.fromkeys(modality for inputs in reads.values() for modality in inputs))
        self.branches = nn.ModuleDict(
            {name: _encoder(name, choice, reads[name], schema) for name, choice in config.branches.items()}
        )
        if config.share_clinical:
            share_clinical(self._encoders)
        self.fusion = self._build_fusion()
        width = self.fusion.width if self.fusion else sum(part.width for part in self._encoders.values())
        self.head = build_head(config.head, width=width, outputs=schema.task.outputs)
        self.reads = reads

    @property
    def _encoders(self) -> dict[str, Encoder]:
        return {name: cast("Encoder", part) for name, part in self.branches.items()}

    def _build_fusion(self) -> Fusion | None:
        if self.config.fusion is None:
            return None
        specs = {name: BranchSpec(part.width, part.map_channels) for name, part in self._encoders.items()}
        with within_field("fusion"):
            return self.config.fusion.build(branches=specs)

    def forward(self, batch: Batch) -> Output:
        """Logits and taps."""
        encodings: dict[str, Encoding] = {
            name: encoder(
                {key: batch.inputs[key] for key in self.reads[name]},
                {key: batch.present[key] for key in self.reads[name]},
            )
            for name, encoder in self._encoders.items()
        }
        fused = (
            self.fusion(encodings)
            if self.fusion
            else torch.cat([encoding.vector for encoding in encodings.values()], dim=-1)
        )
        features = {name: encoding.vector for name, encoding in encodings.items()}
        maps = {f"{name}.map": encoding.map for name, encoding in encodings.items() if encoding.map is not None}
        return Output(logits=self.head(fused), features={**features, **maps, FUSED: fused})


def _inputs(branch: str, choice: Choice[Encoder], schema: Schema) -> tuple[str, ...]:
    inputs = cast("Encoder.Config", choice.settings).inputs
    for modality in inputs:
        modality_of(schema, modality, field=f"branches.{branch}.inputs")
    return inputs


def _encoder(branch: str, choice: Choice[Encoder], inputs: tuple[str, ...], schema: Schema) -> Encoder:
    with within_field(f"branches.{branch}"):
        return choice.build(inputs={modality: schema.modalities[modality] for modality in inputs})
