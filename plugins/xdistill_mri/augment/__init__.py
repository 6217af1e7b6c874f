"""Random changes of volumes and images in training batches."""

from xdistill_mri.augment.affine import VolumeAffine
from xdistill_mri.augment.flip import VolumeFlip
from xdistill_mri.augment.intensity import VolumeIntensity

__all__ = ["VolumeAffine", "VolumeFlip", "VolumeIntensity"]
