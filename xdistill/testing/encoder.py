"""The suite of encoders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor, nn

from xdistill.interfaces.encoder import Encoder, Encoding
from xdistill.testing.helpers.module_suite import SUBJECTS, ModuleConformance
from xdistill.testing.helpers.samples import SCHEMA, sample_batch, take
from xdistill.testing.helpers.tensors import require_finite, seeded
from xdistill.testing.suite import require
from xdistill.types import Batch, ModalitySpec


class EncoderConformance(ModuleConformance):
    """What an encoder has to do.

    Attributes:
        modalities: what ``inputs`` in the settings may name; ``scan``, ``second_scan``, ``picture`` and ``table``
            unless others are given.
    """

    kind = "encoder"
    modalities: Mapping[str, ModalitySpec] = SCHEMA.modalities

    @property
    def inputs(self) -> tuple[str, ...]:
        """The modalities that the settings name."""
        return cast("Encoder.Config", self.choice().settings).inputs

    def built(self, *, seed: int = 0) -> nn.Module:
        """The encoder."""
        with seeded(seed):
            encoder: nn.Module = self.choice().build(inputs={name: self.modalities[name] for name in self.inputs})
        return encoder

    def sample(self, *, seed: int = 0) -> Batch:
        """Subjects with the modalities that the encoder reads."""
        schema = replace(SCHEMA, modalities={name: self.modalities[name] for name in self.inputs})
        return sample_batch(schema, subjects=SUBJECTS, seed=seed)

    def take(self, sample: Batch, rows: list[int]) -> Batch:
        """Some subjects."""
        return take(sample, rows)

    def joined(self, first: Batch, second: Batch) -> Batch:
        """The subjects of both."""
        return joined_batches(first, second)

    def tensors(self, sample: Batch) -> Mapping[str, Tensor]:
        """The inputs, and which subjects have them."""
        return batch_tensors(sample)

    def call(self, module: nn.Module, sample: Batch) -> dict[str, Tensor]:
        """The vector, and the map where there is one."""
        encoding: Any = module(sample.inputs, sample.present)
        require(isinstance(encoding, Encoding), f"an encoder returns an Encoding, not {type(encoding).__name__}")
        maps = {} if encoding.map is None else {"map": encoding.map}
        return {"vector": encoding.vector, **maps}

    def test_shapes(self) -> None:
        """The vector is as long as `width` says, and the map has the channels that `map_channels` says."""
        encoder = cast("Encoder", self.built())
        result = self.evaluated(encoder, self.sample())
        shape = tuple(result["vector"].shape)
        require(shape == (SUBJECTS, encoder.width), f"`width` is {encoder.width}, but the vectors are {shape}")
        if not encoder.map_channels:
            require("map" not in result, "there is a map, but `map_channels` is None")
            return
        require("map" in result, f"`map_channels` is {encoder.map_channels}, but there is no map")
        maps = tuple(result["map"].shape)
        require(
            maps[:2] == (SUBJECTS, encoder.map_channels),
            f"`map_channels` is {encoder.map_channels}, but the maps are {maps}",
        )

    def test_absent_modalities(self) -> None:
        """Subjects without a modality, which hold zeros there, are encoded too."""
        encoder = self.built()
        for name in self.inputs:
            result = self.evaluated(encoder, without(self.sample(), name))
            require_finite(result, f"subjects without {name}")


def batch_tensors(batch: Batch) -> dict[str, Tensor]:
    """All tensors of a batch by name."""
    return {
        **{f"inputs[{name}]": value for name, value in batch.inputs.items()},
        **{f"present[{name}]": value for name, value in batch.present.items()},
    }


def joined_batches(first: Batch, second: Batch) -> Batch:
    """The subjects of both batches, without their targets."""
    return Batch(
        inputs={name: torch.cat([value, second.inputs[name]]) for name, value in first.inputs.items()},
        present={name: torch.cat([value, second.present[name]]) for name, value in first.present.items()},
        subjects=(*first.subjects, *(f"other-{subject}" for subject in second.subjects)),
    )


def without(batch: Batch, modality: str) -> Batch:
    """The batch in which only the first subject has a modality."""
    present = torch.arange(len(batch)) == 0
    values = batch.inputs[modality].clone()
    values[~present] = 0
    return Batch(
        inputs={**batch.inputs, modality: values},
        present={**batch.present, modality: present},
        subjects=batch.subjects,
        target=batch.target,
    )
