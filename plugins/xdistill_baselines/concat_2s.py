"""Concat_2S: each phase is trained separately, then their features are fused."""

from __future__ import annotations

from itertools import combinations
from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from xdistill.errors import SettingsError
from xdistill.interfaces.component import Settings
from xdistill.interfaces.network import Student
from xdistill.types import Batch, Output, Schema
from xdistill_baselines.branches import FUSED, BranchChoices, Branches
from xdistill_baselines.layers import fully_connected

_PAIR = 2


class Concat2S(Student):
    """Stage-wise training: each phase with its own head, pairs of phases, then one head over all.

    After Zhou et al., Effective feature learning and fusion of multimodality data using stage-wise deep neural network
    for dementia diagnosis, Human Brain Mapping 40(3), 2019.

    From the source: features of each modality are trained separately, then those of every pair of modalities
    together, and finally those of all pairs. Inferred: that with two modalities the second stage is the last; 3-D
    encoders; layers of 512 and 256; that earlier stages stay frozen; with more than two modalities, one layer of 256
    over the pairs.

    The stages are the recipe's. The head of phase ``hbp`` is the auxiliary output ``hbp``: stage one trains
    ``student.branches.hbp`` and ``student.branch_heads.hbp`` on it. The logits come from ``student.head`` and never
    pass through these heads. With two phases stage two trains ``student.head``; with more, ``student.pairs`` and
    ``student.pair_heads`` on the auxiliary outputs such as ``hbp_and_pre``, and stage three ``student.head``. To
    fine-tune the encoders, name ``student.branches`` in a later stage too.

    Taps: each phase's vector, each pair's vector (with more than two phases), and ``fused``, what the head reads.

    Raises:
        SettingsError: for fewer than two phases.
    """

    name = "concat_2s"
    config: Config

    class Config(Settings):
        """Branches by name, and the layers over two of them."""

        branches: BranchChoices
        hidden: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)] = Field(
            default=(512, 256), description="lengths of the layers over the vectors of two phases"
        )

    def __init__(self, config: Config, *, schema: Schema) -> None:
        super().__init__(config, schema=schema)
        if len(config.branches) < _PAIR:
            raise SettingsError("concat_2s needs two or more branches", field="branches")
        self.branches = Branches(config.branches, schema=schema)
        self.inputs = self.branches.inputs
        widths, outputs, last = self.branches.widths, schema.task.outputs, config.hidden[-1]
        self.branch_heads = nn.ModuleDict({name: nn.Linear(width, outputs) for name, width in widths.items()})
        self.members = _pairs(tuple(widths))
        if widths.keys() & self.members.keys():
            raise SettingsError("a branch has the name of a pair of other branches; rename it", field="branches")
        self.pairs = nn.ModuleDict(
            {name: _pair(widths[one] + widths[other], config.hidden) for name, (one, other) in self.members.items()}
        )
        self.pair_heads = nn.ModuleDict({name: nn.Linear(last, outputs) for name in self.members})
        sizes = (len(self.members) * last, last) if self.members else (sum(widths.values()), *config.hidden)
        self.head = fully_connected((*sizes, outputs))

    def forward(self, batch: Batch) -> Output:
        """Logits, the logits of the heads of earlier stages, and taps."""
        vectors: dict[str, Float[Tensor, "batch _"]] = self.branches(batch)
        pairs = {
            name: self.pairs[name](torch.cat([vectors[one], vectors[other]], dim=1))
            for name, (one, other) in self.members.items()
        }
        fused = torch.cat(list((pairs or vectors).values()), dim=1)
        return Output(
            logits=self.head(fused),
            features={**vectors, **pairs, FUSED: fused},
            aux={
                **{name: self.branch_heads[name](vector) for name, vector in vectors.items()},
                **{name: self.pair_heads[name](vector) for name, vector in pairs.items()},
            },
        )


def _pairs(phases: tuple[str, ...]) -> dict[str, tuple[str, str]]:
    """The pairs that have a stage of their own: none for two phases, whose only pair is what the head reads."""
    if len(phases) == _PAIR:
        return {}
    return {f"{one}_and_{other}": (one, other) for one, other in combinations(phases, _PAIR)}


def _pair(width: int, hidden: tuple[int, ...]) -> nn.Sequential:
    return nn.Sequential(fully_connected((width, *hidden)), nn.ReLU())
