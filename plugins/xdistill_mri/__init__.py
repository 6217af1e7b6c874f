"""Magnetic resonance imaging: a generated cohort, an importer of your own volumes, and augmentations.

Hooks import their components only when called, so that importing this package is cheap.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from xdistill.plugin import hookimpl

if TYPE_CHECKING:
    from xdistill.interfaces import Augmentation, Dataset

XDISTILL_API = 1


@hookimpl
def xdistill_datasets() -> Sequence[type[Dataset]]:
    """The generated liver cohort, generated pictures of lesions, and cohorts described by a table of files."""
    from xdistill_mri.lesions import Lesions2D
    from xdistill_mri.manifest import ManifestDataset
    from xdistill_mri.phantom import HccPhantom

    return [HccPhantom, Lesions2D, ManifestDataset]


@hookimpl
def xdistill_augmentations() -> Sequence[type[Augmentation]]:
    """Random changes of volumes and images."""
    from xdistill_mri.augment import MonaiTransform, VolumeAffine, VolumeFlip, VolumeIntensity

    return [VolumeFlip, VolumeAffine, VolumeIntensity, MonaiTransform]
