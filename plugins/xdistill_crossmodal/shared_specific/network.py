"""ShaSpec's network: features that the modalities share, and features that are specific to each."""

from __future__ import annotations

from typing import Annotated, cast

import torch
from jaxtyping import Float
from pydantic import Field, field_validator, model_validator
from torch import Tensor, nn

from xdistill.errors import SettingsError
from xdistill.interfaces.component import Choice, Settings, within_field
from xdistill.interfaces.encoder import Encoder
from xdistill.interfaces.network import Student, Teacher, modality_of
from xdistill.types import Batch, Output, Schema

FUSED = "fused"


class ShaSpec(Teacher, Student):
    r"""A shared encoder of all modalities and a specific encoder of each, fused by a residual; absent ones are filled.

    .. math::
        s^m = f_\text{shared}(x^m), \quad r^m = f_m(x^m), \quad f^m = W [s^m; r^m] + s^m,
        \quad f^m = \tfrac{1}{|A|} \sum_{a \in A} s^a \text{ where } m \text{ is missing}

    with A the modalities that a subject has. The head reads all :math:`f^m`, so one network serves subjects with any
    of them. Taps, with the name of the branch: ``shared.m``, ``specific.m``, and ``domain.m``, the logits of a
    classifier that tells from the specific feature which modality it is of; and ``fused``, all :math:`f^m`. The
    auxiliary losses are `shaspec_alignment` and `shaspec_domain`.

    As a student that never reads a modality, name its branch in ``absent``: its place is always filled. The student is
    then of the same form as a teacher that reads it, and losses on ``shared.m`` and ``fused`` compare them.

    After Wang, Chen, Ma, Avery, Hull and Carneiro, Multi-modal learning with missing modality via shared-specific
    feature modelling (ShaSpec), CVPR 2023, and the authors' code, which
    weights the auxiliary losses by 0.1 and 0.02.

    Inferred: the shared encoder needs inputs of one shape, as the MRI sequences of the paper have, so each branch first
    encodes its modalities to a vector of the same length; the two encoders are one fully connected layer with ReLU
    each. A missing modality is filled with the mean of the shared features that there are; the code takes the first of
    them. A branch of several modalities is missing where one of them is.

    Raises:
        SettingsError: for branches of different lengths.
    """

    name = "shaspec"
    config: Config

    class Config(Settings):
        """The branches, those that are always missing, and the length of the features."""

        branches: Annotated[dict[str, Choice[Encoder]], Field(min_length=1)] = Field(
            description="an encoder for each modality, all of the same `features`"
        )
        absent: tuple[str, ...] = Field(default=(), description="branches of the teacher that this network lacks")
        features: Annotated[int, Field(ge=1)] = Field(default=64, description="length of each feature")

        @field_validator("branches")
        @classmethod
        def _usable_names(cls, branches: dict[str, Choice[Encoder]]) -> dict[str, Choice[Encoder]]:
            for name in branches:
                if not name.isidentifier() or name == FUSED or hasattr(nn.ModuleDict, name):
                    raise ValueError(f"a branch cannot be named {name!r}; use an identifier such as a modality's name")
            return branches

        @model_validator(mode="after")
        def _absent_are_others(self) -> ShaSpec.Config:
            both = [name for name in self.absent if name in self.branches]
            if both or len(set(self.absent)) < len(self.absent):
                raise ValueError(f"`absent` names other branches, each once, and not {both or list(self.absent)}")
            return self

    def __init__(self, config: Config, *, schema: Schema) -> None:
        super().__init__(config, schema=schema)
        self.reads = {name: _inputs(name, choice, schema) for name, choice in config.branches.items()}
        self.inputs = tuple(dict.fromkeys(modality for inputs in self.reads.values() for modality in inputs))
        self.stems = nn.ModuleDict(
            {name: _stem(name, choice, self.reads[name], schema) for name, choice in config.branches.items()}
        )
        width, slots = self._width(), len(config.branches) + len(config.absent)
        self.shared = _encoder(width, config.features)
        self.specific = nn.ModuleDict({name: _encoder(width, config.features) for name in config.branches})
        self.fuse = nn.Linear(2 * config.features, config.features)
        self.domain = nn.Linear(config.features, slots)
        self.head = nn.Linear(slots * config.features, schema.task.outputs)

    def _width(self) -> int:
        widths = {name: cast("Encoder", stem).width for name, stem in self.stems.items()}
        if len(set(widths.values())) > 1:
            shown = ", ".join(f"{name} {width}" for name, width in widths.items())
            raise SettingsError(
                f"the shared encoder reads vectors of one length, and the branches have {shown}; give all the same "
                f"`features`",
                field="branches",
            )
        return next(iter(widths.values()))

    def forward(self, batch: Batch) -> Output:
        """Logits and taps."""
        vectors = {name: self._vector(name, batch) for name in self.stems}
        there = {name: self._present(name, batch) for name in self.stems}
        plain = {name: self.shared(vector) for name, vector in vectors.items()}
        specific = {name: self.specific[name](vector) for name, vector in vectors.items()}
        common = _mean_of_present(plain, there)
        shared = {name: torch.where(there[name], value, common) for name, value in plain.items()}
        slots = [
            torch.where(there[name], self.fuse(torch.cat([shared[name], specific[name]], dim=1)) + shared[name], common)
            for name in self.stems
        ]
        fused = torch.cat([*slots, *[common] * len(self.config.absent)], dim=1)
        features = {
            **{f"shared.{name}": value for name, value in shared.items()},
            **{f"specific.{name}": value for name, value in specific.items()},
            **{f"domain.{name}": self.domain(value) for name, value in specific.items()},
            FUSED: fused,
        }
        return Output(logits=self.head(fused), features=features)

    def _vector(self, name: str, batch: Batch) -> Float[Tensor, "batch width"]:
        reads = self.reads[name]
        inputs, present = ({key: source[key] for key in reads} for source in (batch.inputs, batch.present))
        vector: Tensor = self.stems[name](inputs, present).vector
        return vector

    def _present(self, name: str, batch: Batch) -> Tensor:
        """Which subjects have all modalities of a branch, as a column."""
        return torch.stack([batch.present[key] for key in self.reads[name]]).all(dim=0)[:, None]


def _mean_of_present(values: dict[str, Tensor], there: dict[str, Tensor]) -> Tensor:
    """For each subject the mean over the branches that it has; zeros if it has none."""
    count = torch.stack(list(there.values())).sum(dim=0).clamp(min=1)
    kept = [value * there[name] for name, value in values.items()]
    return torch.stack(kept).sum(dim=0) / count


def _encoder(width: int, features: int) -> nn.Module:
    return nn.Sequential(nn.Linear(width, features), nn.ReLU())


def _inputs(branch: str, choice: Choice[Encoder], schema: Schema) -> tuple[str, ...]:
    inputs = cast("Encoder.Config", choice.settings).inputs
    for modality in inputs:
        modality_of(schema, modality, field=f"branches.{branch}.inputs")
    return inputs


def _stem(branch: str, choice: Choice[Encoder], inputs: tuple[str, ...], schema: Schema) -> Encoder:
    with within_field(f"branches.{branch}"):
        return choice.build(inputs={modality: schema.modalities[modality] for modality in inputs})
