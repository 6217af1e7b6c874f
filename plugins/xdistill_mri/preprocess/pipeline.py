"""All steps from a file to the array of a modality. Channels take them one by one, on the same grid."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from xdistill_mri.preprocess import geometry, intensity
from xdistill_mri.preprocess.formats import kind_in, read_channels
from xdistill_mri.preprocess.settings import Preprocess
from xdistill_mri.preprocess.source import VolumeSource
from xdistill_mri.preprocess.volume import Volume


def prepare(source: VolumeSource, settings: Preprocess) -> NDArray[np.float32]:
    """Read a volume and prepare it as the settings say.

    Returns:
        ``(channels, depth, height, width)``; of a picture, ``(channels, height, width)``.

    Raises:
        DataError: naming the file.
        UserError: if a required library is not installed.
    """
    channels = read_channels(source, settings)
    mask = _mask(channels[0], source, settings)
    ready = [_normalised(_prepared(_finite(one, settings), mask, source, settings), settings) for one in channels]
    values = np.stack([one.values.transpose(2, 1, 0) for one in ready])
    if settings.mean is not None or settings.std is not None:
        values = intensity.shifted(values, settings.mean, settings.std, source.file)
    return np.ascontiguousarray(values[:, 0] if kind_in(settings, source.file) == "image" else values)


def grids(source: VolumeSource, settings: Preprocess) -> tuple[Volume, Volume]:
    """The volume as it is in its file, and on the grid of the result of `prepare`; raises as `prepare`.

    If the file has no affine, that of the result leads to voxel indices of the file.
    """
    image = read_channels(source, settings)[0]
    mask = _mask(image, source, settings)
    return image, _prepared(_finite(image, settings), mask, source, settings, unknown=np.eye(4))


def _finite(image: Volume, settings: Preprocess) -> Volume:
    return intensity.finite(image, fill=settings.nonfinite == "fill")


def _mask(image: Volume, source: VolumeSource, settings: Preprocess) -> Volume | None:
    if source.mask is None:
        return None
    reading = Preprocess(spacing_of_arrays=settings.spacing_of_arrays, kind=settings.kind, scale=False, colour="grey")
    mask = read_channels(VolumeSource(source.mask), reading)[0]
    geometry.check_mask(image, mask)
    return mask


def _prepared(
    image: Volume,
    mask: Volume | None,
    source: VolumeSource,
    settings: Preprocess,
    *,
    unknown: NDArray[np.float64] | None = None,
) -> Volume:
    """The volume on the grid of the result; ``unknown`` takes the place of an affine that the file does not have."""
    if image.affine is None:
        image = replace(image, affine=unknown)
    image = _placed(image, settings, settings.interpolation, center=_center(settings))
    if settings.crop is not None:
        mask = None if mask is None else _placed(mask, settings, "nearest")
        image = geometry.cropped(image, settings.crop, box=source.box, mask=mask)
    if settings.size is not None:
        size = geometry.of_slices(settings.size)
        if image.shape != size:
            image = geometry.resized(image, size, settings.fit, settings.aspect)
    return image


def _center(settings: Preprocess) -> tuple[int, int, int] | None:
    """The size of the part of the resampled volume that is kept, if it is the center."""
    if settings.size is None or settings.crop is not None or settings.fit != "pad_or_crop":
        return None
    return geometry.of_slices(settings.size)


def _normalised(image: Volume, settings: Preprocess) -> Volume:
    if settings.clip is not None:
        image = intensity.clipped(image, settings.clip)
    if settings.zscore:
        image = intensity.standardised(image, constant_to_zeros=settings.constant == "zeros")
    return image


def _placed(
    volume: Volume, settings: Preprocess, interpolation: str, *, center: tuple[int, int, int] | None = None
) -> Volume:
    if settings.orientation is not None:
        volume = geometry.oriented(volume, settings.orientation)
    if settings.spacing is not None:
        volume = geometry.resampled(volume, settings.spacing, interpolation, center=center)
    return volume
