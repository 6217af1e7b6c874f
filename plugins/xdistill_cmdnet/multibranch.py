"""A network of branches, one fusion and one head; CMD-Net's teacher and student both are one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Annotated, cast

import torch
from pydantic import Field, field_validator
from torch import nn

from xdistill.errors import SettingsError
from xdistill.interfaces.component import Choice, Settings
from xdistill.interfaces.encoder import Encoder
from xdistill.interfaces.fusion import BranchSpec, Fusion
from xdistill.interfaces.network import Student, Teacher
from xdistill.types import Batch, Output, Schema
from xdistill_cmdnet.head import HeadConfig, build_head
from xdistill_cmdnet.sharing import share_clinical
from xdistill_cmdnet.side_by_side import encode

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

        branches: Annotated[dict[str, Choice[Encoder]], Field(min_length=1)] = Field(
            description="an encoder for each branch; the names become taps"
        )
        fusion: Choice[Fusion] | None = Field(
            default=None, description="joins the branches' vectors; null: concatenation"
        )
        head: HeadConfig = Field(default=HeadConfig(), description="from the fused vector to the logits")
        share_clinical: bool = Field(
            default=False,
            description="all branches of mri_clinical_fusion use the same clinical layers",
        )

        @field_validator("branches")
        @classmethod
        def _usable_names(cls, branches: dict[str, Choice[Encoder]]) -> dict[str, Choice[Encoder]]:
            for name in branches:
                if not name.isidentifier() or name == FUSED or hasattr(nn.ModuleDict, name):
                    raise ValueError(f"a branch cannot be named {name!r}; use a plain word, such as a phase's name")
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
        with _faults_below("fusion"):
            return self.config.fusion.build(branches=specs)

    def forward(self, batch: Batch) -> Output:
        """Logits and taps."""
        encodings = encode(self._encoders, self.reads, batch.inputs, batch.present)
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
        if modality not in schema.modalities:
            near = get_close_matches(modality, schema.modalities, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(schema.modalities)}"
            raise SettingsError(f"the cohort has no modality {modality!r}; {hint}", field=f"branches.{branch}.inputs")
    return inputs


def _encoder(branch: str, choice: Choice[Encoder], inputs: tuple[str, ...], schema: Schema) -> Encoder:
    with _faults_below(f"branches.{branch}"):
        return choice.build(inputs={modality: schema.modalities[modality] for modality in inputs})


@contextmanager
def _faults_below(path: str) -> Iterator[None]:
    """Settings errors of a part are errors of this network at the part's place."""
    try:
        yield
    except SettingsError as error:
        raise SettingsError(str(error), field=f"{path}.{error.field}".rstrip(".")) from error
