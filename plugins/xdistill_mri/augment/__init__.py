"""Random changes of volumes and images in training batches."""

from xdistill_mri.augment.affine import VolumeAffine
from xdistill_mri.augment.flip import VolumeFlip
from xdistill_mri.augment.intensity import VolumeIntensity
from xdistill_mri.augment.library import MonaiTransform

__all__ = ["MonaiTransform", "VolumeAffine", "VolumeFlip", "VolumeIntensity"]
