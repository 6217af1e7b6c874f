"""The augmentation `volume_affine`."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from xdistill_mri.augment.base import VolumeAugmentation, VolumeSettings, symmetric


class VolumeAffine(VolumeAugmentation):
    """Turns, shifts and scales each subject within the plane of its slices, by linear interpolation.

    Slices are thick and few, so nothing is moved across them: that would blur, and take eight neighbours per voxel
    instead of four. Values from beyond the border repeat the border. Each modality gets a transform of its own, which
    suits phases that are not registered to each other; with ``together: true`` all modalities of a subject get the
    same.
    """

    name = "volume_affine"

    class Config(VolumeSettings):
        """Settings of the transform; each strength is the maximum in either direction."""

        rotate: float = Field(default=0.0, ge=0, le=180, description="degrees")
        shift: float = Field(default=0.0, ge=0, lt=1, description="as a fraction of height and width")
        scale: float = Field(default=0.0, ge=0, lt=1, description="0.05: from 0.95 to 1.05 times the size")
        together: bool = Field(default=False, description="apply the same transform to all modalities of a subject")

    config: Config

    def __call__(
        self, inputs: Mapping[str, Float[Tensor, "batch ..."]], generator: torch.Generator
    ) -> Mapping[str, Float[Tensor, "batch ..."]]:
        """The moved inputs."""
        if self.config.rotate == self.config.shift == self.config.scale == 0:
            return inputs
        changed = dict(inputs)
        drawn: tuple[Tensor, Tensor, Tensor] | None = None
        for name in self.affected(inputs):
            if drawn is None or not self.config.together:
                drawn = self._draw(len(inputs[name]), generator)
            changed[name] = move(inputs[name], *drawn)
        return changed

    def _draw(self, subjects: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        degrees = symmetric(self.config.rotate, (subjects,), generator)
        shift = symmetric(self.config.shift, (subjects, 2), generator)
        factor = 1 + symmetric(self.config.scale, (subjects,), generator)
        return degrees, shift, factor


def move(
    values: Float[Tensor, "batch channels *depth height width"],
    degrees: Float[Tensor, " batch"],
    shift: Float[Tensor, "batch 2"],
    factor: Float[Tensor, " batch"],
) -> Float[Tensor, "batch channels *depth height width"]:
    """Scale and rotate each subject about the centre of its slices, then shift it within them.

    Args:
        values: volumes or images.
        degrees: counter-clockwise, with the height pointing down as images are shown.
        shift: down and to the right, as fractions of height and width.
        factor: above 1 enlarges.
    """
    height, width = values.shape[-2:]
    # Slices are treated as channels of one image, so that one grid serves all of them.
    slices = values.reshape(len(values), -1, height, width)
    matrices = sampling_matrices(degrees, shift, factor, height, width).to(values)
    grid = F.affine_grid(matrices, list(slices.shape), align_corners=False)
    moved = F.grid_sample(slices, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return moved.reshape(values.shape)


def sampling_matrices(
    degrees: Float[Tensor, " batch"],
    shift: Float[Tensor, "batch 2"],
    factor: Float[Tensor, " batch"],
    height: int,
    width: int,
) -> Float[Tensor, "batch 2 3"]:
    """Where each voxel of the result is read from, for ``F.affine_grid``: from results to sources.

    Its coordinates run from -1 to 1 along each axis whatever the axis's length, so that the terms that mix the axes
    carry the ratio of the lengths: a rotation stays a rotation if height and width differ.
    """
    radians = torch.deg2rad(degrees)
    cosine, sine = torch.cos(radians) / factor, torch.sin(radians) / factor
    linear = torch.stack([cosine, -sine * (height / width), sine * (width / height), cosine], dim=1).reshape(-1, 2, 2)
    # The source of the result's p is A (p - t); t is in half sizes, hence twice the fraction, and x comes first.
    offset = -(linear @ (2 * shift.flip(1)).unsqueeze(2))
    return torch.cat([linear, offset], dim=2)
