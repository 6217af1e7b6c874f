"""Grey values: non-finite values, clipping, standardisation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from xdistill.errors import DataError
from xdistill_mri.preprocess.volume import Volume


def finite(volume: Volume, *, fill: bool) -> Volume:
    """The volume with finite voxels.

    Args:
        volume: as read.
        fill: replace other voxels by the smallest finite value instead of refusing the volume.

    Raises:
        DataError: with the number of voxels that are NaN or infinite.
    """
    good = np.isfinite(volume.values)
    bad = int(good.size - np.count_nonzero(good))
    if bad == 0:
        return volume
    if bad == good.size:
        raise DataError(f"{volume.file}: none of its {good.size} voxels is a finite number")
    if not fill:
        raise DataError(
            f"{volume.file}: {bad} of {good.size} voxels are NaN or infinite; repair the file, or set "
            f"`nonfinite: fill` to give them the smallest finite value"
        )
    return volume.with_values(np.where(good, volume.values, volume.values[good].min()))


def clipped(volume: Volume, percentiles: tuple[float, float]) -> Volume:
    """The volume clipped to these percentiles of its own values."""
    lower, upper = np.percentile(volume.values, percentiles).astype(np.float32)
    return volume.with_values(np.clip(volume.values, lower, upper))


def standardised(volume: Volume, *, constant_to_zeros: bool) -> Volume:
    """The volume with mean 0 and (population) standard deviation 1.

    Raises:
        DataError: if all voxels are equal, unless ``constant_to_zeros``.
    """
    if volume.values.min() == volume.values.max():
        if constant_to_zeros:
            return volume.with_values(np.zeros_like(volume.values))
        raise DataError(
            f"{volume.file}: all voxels are {volume.values.flat[0]:g} after cropping and clipping, so there is no "
            f"z-score; check the file and the crop, or set constant: zeros"
        )
    mean, deviation = volume.values.mean(dtype=np.float64), volume.values.std(dtype=np.float64)
    return volume.with_values((volume.values - np.float32(mean)) / np.float32(deviation))


def shifted(
    values: NDArray[np.float32], mean: tuple[float, ...] | None, std: tuple[float, ...] | None, file: Path
) -> NDArray[np.float32]:
    """The values minus a mean, divided by a standard deviation.

    Args:
        values: ``(channels, depth, height, width)``.
        mean: one number, or one for each channel; None: 0.
        std: likewise; None: 1.
        file: for messages.

    Raises:
        DataError: if there are more or fewer numbers than channels.
    """
    for name, numbers in (("mean", mean), ("std", std)):
        if numbers is not None and len(numbers) not in (1, len(values)):
            raise DataError(f"{file}: has {len(values)} channels, but `{name}` has {len(numbers)} numbers")
    each = (-1, 1, 1, 1)
    minus = np.float32(0) if mean is None else np.asarray(mean, dtype=np.float32).reshape(each)
    by = np.float32(1) if std is None else np.asarray(std, dtype=np.float32).reshape(each)
    changed: NDArray[np.float32] = (values - minus) / by
    return changed
