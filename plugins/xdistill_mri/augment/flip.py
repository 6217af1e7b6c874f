"""The augmentation `volume_flip`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor

from xdistill.errors import SettingsError
from xdistill.types import ModalitySpec
from xdistill_mri.augment.base import VolumeAugmentation, VolumeSettings

Axis = Literal["depth", "height", "width"]

_DIMENSION: dict[Axis, int] = {"depth": -3, "height": -2, "width": -1}


class VolumeFlip(VolumeAugmentation):
    """Mirrors each subject along each of the named axes with a probability.

    Each modality is mirrored independently, which suits phases that are not registered to each other; with
    ``together: true`` all modalities of a subject are mirrored alike.
    """

    name = "volume_flip"

    class Config(VolumeSettings):
        """Settings of the mirror."""

        axes: tuple[Axis, ...] = Field(
            default=("height", "width"),
            min_length=1,
            description="axes to mirror along, each independently; images have no depth, which is ignored for them",
        )
        p: float = Field(default=0.5, ge=0, le=1, description="probability per axis")
        together: bool = Field(default=False, description="mirror all modalities of a subject alike")

    config: Config

    def __init__(self, config: Config, *, modalities: Mapping[str, ModalitySpec]) -> None:
        super().__init__(config, modalities=modalities)
        if set(config.axes) == {"depth"} and not any(modalities[name].kind == "volume" for name in self.chosen):
            raise SettingsError("images have no depth to mirror along; name height or width", field="axes")

    def __call__(
        self, inputs: Mapping[str, Float[Tensor, "batch ..."]], generator: torch.Generator
    ) -> Mapping[str, Float[Tensor, "batch ..."]]:
        """The mirrored inputs."""
        if self.config.p == 0:
            return inputs
        changed = dict(inputs)
        coins: dict[Axis, Tensor] = {}
        for name in self.affected(inputs):
            if not (coins and self.config.together):
                coins = self._toss(len(inputs[name]), generator)
            for axis in self.config.axes:
                if axis != "depth" or self.modalities[name].kind == "volume":
                    changed[name] = flip(changed[name], coins[axis], axis)
        return changed

    def _toss(self, subjects: int, generator: torch.Generator) -> dict[Axis, Tensor]:
        drawn = torch.rand((len(self.config.axes), subjects), generator=generator, device=generator.device)
        return dict(zip(self.config.axes, drawn < self.config.p, strict=True))


def flip(values: Float[Tensor, "batch ..."], chosen: Bool[Tensor, " batch"], axis: Axis) -> Float[Tensor, "batch ..."]:
    """Mirror the chosen subjects along an axis."""
    mask = chosen.to(values.device).reshape(-1, *[1] * (values.ndim - 1))
    return torch.where(mask, values.flip(_DIMENSION[axis]), values)
