"""The suite of fusions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor, nn

from xdistill.interfaces.encoder import Encoding
from xdistill.interfaces.fusion import BranchSpec, Fusion
from xdistill.testing.helpers.module_suite import SUBJECTS, ModuleConformance
from xdistill.testing.helpers.tensors import require_finite, seeded
from xdistill.testing.suite import require

_POSITIONS = (2, 3)


class FusionConformance(ModuleConformance):
    """What a fusion has to do.

    Attributes:
        branches: what is joined; each has maps of 2 by 3 positions where it has map channels.
    """

    kind = "fusion"
    branches: Mapping[str, BranchSpec] = {"first": BranchSpec(8, 4), "second": BranchSpec(8, 4)}

    def built(self, *, seed: int = 0) -> nn.Module:
        """The fusion."""
        with seeded(seed):
            fusion: nn.Module = self.choice().build(branches=self.branches)
        return fusion

    def sample(self, *, seed: int = 0) -> dict[str, Encoding]:
        """Encodings by branch."""
        generator = torch.Generator().manual_seed(seed)

        def drawn(*shape: int) -> Tensor:
            return torch.randn((SUBJECTS, *shape), generator=generator)

        return {
            name: Encoding(
                vector=drawn(spec.width), map=drawn(spec.map_channels, *_POSITIONS) if spec.map_channels else None
            )
            for name, spec in self.branches.items()
        }

    def take(self, sample: Mapping[str, Encoding], rows: list[int]) -> dict[str, Encoding]:
        """Some subjects."""
        return {
            name: Encoding(vector=encoding.vector[rows], map=None if encoding.map is None else encoding.map[rows])
            for name, encoding in sample.items()
        }

    def joined(self, first: Mapping[str, Encoding], second: Mapping[str, Encoding]) -> dict[str, Encoding]:
        """The subjects of both."""
        return {
            name: Encoding(
                vector=torch.cat([encoding.vector, second[name].vector]),
                map=None if encoding.map is None else torch.cat([encoding.map, cast("Tensor", second[name].map)]),
            )
            for name, encoding in first.items()
        }

    def tensors(self, sample: Mapping[str, Encoding]) -> dict[str, Tensor]:
        """Vectors and maps."""
        maps = {f"{name}.map": encoding.map for name, encoding in sample.items() if encoding.map is not None}
        return {**{f"{name}.vector": encoding.vector for name, encoding in sample.items()}, **maps}

    def halved(self, sample: Mapping[str, Encoding]) -> dict[str, Encoding]:
        """Encodings in bfloat16, as encoders give them."""
        return {
            name: Encoding(
                vector=encoding.vector.bfloat16(), map=None if encoding.map is None else encoding.map.bfloat16()
            )
            for name, encoding in sample.items()
        }

    def call(self, module: nn.Module, sample: Mapping[str, Encoding]) -> dict[str, Tensor]:
        """The fused vector."""
        fused: Any = module(sample)
        require(isinstance(fused, Tensor), f"a fusion returns a tensor, not {type(fused).__name__}")
        return {"fused": fused}

    def test_shapes(self) -> None:
        """The fused vector is as long as `width` says."""
        fusion = cast("Fusion", self.built())
        shape = tuple(self.evaluated(fusion, self.sample())["fused"].shape)
        require(shape == (SUBJECTS, fusion.width), f"`width` is {fusion.width}, but the fused vectors are {shape}")

    def test_absent_branches(self) -> None:
        """A branch whose modality is absent is zero, and the others are fused all the same."""
        fusion = self.built()
        for name in self.branches:
            sample = self.sample()
            encoding = sample[name]
            maps = None if encoding.map is None else torch.zeros_like(encoding.map)
            sample[name] = replace(encoding, vector=torch.zeros_like(encoding.vector), map=maps)
            require_finite(self.evaluated(fusion, sample), f"the branch {name} is absent")
