"""The augmentation `monai`."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from xdistill import extras
from xdistill.errors import SettingsError
from xdistill.types import ModalitySpec
from xdistill_mri.augment.base import VolumeAugmentation, VolumeSettings

_SEEDS = 2**31


class MonaiTransform(VolumeAugmentation):
    """A random transform of MONAI for arrays, by its name, such as RandRotate, RandZoom or RandAdjustContrast.

    It works on volumes and on pictures, subject by subject on the processor, so `volume_flip`, `volume_affine` and
    `volume_intensity` are faster where they suffice. A transform has to keep the size; RandZoom and RandAffine do. With
    ``channel_wise: true``, RandScaleIntensity and RandShiftIntensity change each colour by itself.
    """

    name = "monai"
    on_device = False

    class Config(VolumeSettings):
        """The transform and its arguments."""

        transform: str = Field(description="name in monai.transforms, such as RandZoom")
        settings: dict[str, Any] = Field(default={}, description="arguments of the transform, by name")

    config: Config

    def __init__(self, config: Config, *, modalities: Mapping[str, ModalitySpec]) -> None:
        super().__init__(config, modalities=modalities)
        self.transform = _built(config)

    def __call__(
        self, inputs: Mapping[str, Float[Tensor, "batch ..."]], generator: torch.Generator
    ) -> Mapping[str, Float[Tensor, "batch ..."]]:
        """The changed inputs; each subject and modality gets random numbers of its own."""
        return dict(inputs) | {name: self._changed(name, inputs[name], generator) for name in self.affected(inputs)}

    def _changed(
        self, name: str, values: Float[Tensor, "batch ..."], generator: torch.Generator
    ) -> Float[Tensor, "batch ..."]:
        seeds = torch.randint(_SEEDS, (len(values),), generator=generator, device=generator.device).tolist()
        changed = torch.stack([self._one(value, seed) for value, seed in zip(values, seeds, strict=True)])
        if changed.shape != values.shape:
            raise SettingsError(
                f"{self.config.transform} makes {list(changed.shape[1:])} of {name!r}, which is "
                f"{list(values.shape[1:])}; use a transform that keeps the size",
                field="transform",
            )
        return changed

    def _one(self, value: Float[Tensor, ...], seed: int) -> Float[Tensor, ...]:
        self.transform.set_random_state(seed=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of MONAI, about its own defaults
            made = self.transform(value.clone())
        return torch.as_tensor(getattr(made, "as_tensor", lambda: made)()).to(value)


def _built(config: MonaiTransform.Config) -> Any:
    known = _available()
    if config.transform not in known:
        folded = {name.lower(): name for name in known}
        near = get_close_matches(config.transform.lower(), folded, n=1)
        hint = f"did you mean {folded[near[0]]!r}?" if near else "its names begin with Rand, such as RandZoom"
        raise SettingsError(f"MONAI has no random transform {config.transform!r}; {hint}", field="transform")
    try:
        return known[config.transform](**config.settings)
    except Exception as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise SettingsError(f"{config.transform} rejects its settings: {reason[0]}", field="settings") from error


def _available() -> dict[str, Callable[..., Any]]:
    """Random transforms of arrays by name; those of dictionaries end in d."""
    transforms = extras.require("monai.transforms", extra="monai", purpose="the augmentation `monai`")
    dictionaries, random = transforms.MapTransform, transforms.Randomizable
    return {
        name: made
        for name, made in vars(transforms).items()
        if name.startswith("Rand")
        and inspect.isclass(made)
        and issubclass(made, random)
        and not issubclass(made, dictionaries)
    }
