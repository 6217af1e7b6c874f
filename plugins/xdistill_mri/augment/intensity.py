"""The augmentation `volume_intensity`."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from xdistill_mri.augment.base import VolumeAugmentation, VolumeSettings, symmetric


class VolumeIntensity(VolumeAugmentation):
    """Changes the contrast and the brightness of each volume and adds noise; each modality independently.

    A volume of zeros, which stands for a modality that a subject does not have, stays unchanged.
    """

    name = "volume_intensity"

    class Config(VolumeSettings):
        """Settings; scale and shift are the maximum in either direction."""

        scale: float = Field(default=0.0, ge=0, lt=1, description="0.1: values times 0.9 to 1.1")
        shift: float = Field(default=0.0, ge=0, description="added to all values, in their unit (z-scores: SDs)")
        noise: float = Field(default=0.0, ge=0, description="standard deviation of noise added to each voxel")

    config: Config

    def __call__(
        self, inputs: Mapping[str, Float[Tensor, "batch ..."]], generator: torch.Generator
    ) -> Mapping[str, Float[Tensor, "batch ..."]]:
        """The changed inputs."""
        if self.config.scale == self.config.shift == self.config.noise == 0:
            return inputs
        return dict(inputs) | {name: self._change(inputs[name], generator) for name in self.affected(inputs)}

    def _change(self, values: Float[Tensor, "batch ..."], generator: torch.Generator) -> Float[Tensor, "batch ..."]:
        each = (len(values), *[1] * (values.ndim - 1))
        factor = 1 + symmetric(self.config.scale, each, generator).to(values)
        shift = symmetric(self.config.shift, each, generator).to(values)
        changed = torch.addcmul(shift, values, factor)
        if self.config.noise > 0:
            noise = torch.randn(values.shape, generator=generator, device=generator.device)
            changed = changed.add_(noise.to(values), alpha=self.config.noise)
        return changed.mul_(values.flatten(1).any(dim=1).reshape(each))
