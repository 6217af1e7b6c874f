"""Common parts of the augmentations of volumes: the modalities they change, and random numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from xdistill.errors import SettingsError
from xdistill.interfaces import Augmentation, Settings
from xdistill.types import ModalitySpec

_SPATIAL = ("volume", "image")


class VolumeSettings(Settings):
    """Settings of every augmentation of volumes."""

    modalities: tuple[str, ...] | None = Field(
        default=None, description="volumes and images to change; null: all in the cohort"
    )


class VolumeAugmentation(Augmentation):
    """An augmentation of volumes ``(batch, channels, depth, height, width)`` and images without the depth.

    Attributes:
        chosen: names of the modalities it changes, in the cohort's order.
    """

    on_device = True

    def __init__(self, config: VolumeSettings, *, modalities: Mapping[str, ModalitySpec]) -> None:
        super().__init__(config, modalities=modalities)
        self.chosen = choose_modalities(config.modalities, modalities)

    def affected(self, inputs: Mapping[str, Float[Tensor, "batch ..."]]) -> list[str]:
        """Names of the inputs to change, in a fixed order, so that each gets the same random numbers every time."""
        return [name for name in self.chosen if name in inputs]


def choose_modalities(wanted: Sequence[str] | None, modalities: Mapping[str, ModalitySpec]) -> tuple[str, ...]:
    """The modalities to change.

    Args:
        wanted: names, or None for all volumes and images.
        modalities: of the cohort.

    Raises:
        SettingsError: for an unknown modality, one that is neither volume nor image, and if there is nothing to
            change.
    """
    spatial = tuple(name for name, spec in modalities.items() if spec.kind in _SPATIAL)
    offered = ", ".join(spatial) or "none"
    if wanted is None:
        if not spatial:
            raise SettingsError("the cohort has neither volumes nor images; remove this augmentation")
        return spatial
    for name in wanted:
        if name not in modalities:
            raise SettingsError(
                f"unknown modality {name!r}; the volumes and images of the cohort are: {offered}", field="modalities"
            )
        if name not in spatial:
            raise SettingsError(
                f"{name!r} is a {modalities[name].kind}, not a volume or an image; the cohort has: {offered}",
                field="modalities",
            )
    return tuple(name for name in spatial if name in wanted)


def symmetric(strength: float, shape: Sequence[int], generator: torch.Generator) -> Float[Tensor, ...]:
    """Numbers drawn uniformly from ``-strength`` to ``strength``, on the generator's device."""
    drawn = torch.rand(tuple(shape), generator=generator, device=generator.device)
    return drawn.mul_(2).sub_(1).mul_(strength)
