"""All steps from a file to the array of a modality."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from xdistill_mri.preprocess import geometry, intensity
from xdistill_mri.preprocess.extra import require
from xdistill_mri.preprocess.read import read_volume
from xdistill_mri.preprocess.settings import Preprocess
from xdistill_mri.preprocess.source import VolumeSource
from xdistill_mri.preprocess.volume import Volume


def prepare(source: VolumeSource, settings: Preprocess) -> NDArray[np.float32]:
    """Read a volume and prepare it as the settings say.

    Returns:
        ``(1, depth, height, width)``.

    Raises:
        DataError: naming the file.
        UserError: if a required library is not installed.
    """
    image = _prepared(intensity.finite(_read(source, settings), fill=settings.nonfinite == "fill"), source, settings)
    if settings.clip is not None:
        image = intensity.clipped(image, settings.clip)
    if settings.zscore:
        image = intensity.standardised(image, constant_to_zeros=settings.constant == "zeros")
    return np.ascontiguousarray(image.values.transpose(2, 1, 0)[None])


def grids(source: VolumeSource, settings: Preprocess) -> tuple[Volume, Volume]:
    """The volume as it is in its file, and on the grid of the result of `prepare`; raises as `prepare`.

    If the file has no affine, that of the result leads to voxel indices of the file.
    """
    image = _read(source, settings)
    filled = intensity.finite(image, fill=settings.nonfinite == "fill")
    return image, _prepared(filled, source, settings, unknown=np.eye(4))


def _read(source: VolumeSource, settings: Preprocess) -> Volume:
    return read_volume(source.file, spacing_of_arrays=settings.spacing_of_arrays, array=source.array)


def _prepared(
    image: Volume, source: VolumeSource, settings: Preprocess, *, unknown: NDArray[np.float64] | None = None
) -> Volume:
    """The volume on the grid of the result; ``unknown`` takes the place of an affine that the file does not have."""
    mask = None
    if source.mask is not None:
        mask = read_volume(source.mask, spacing_of_arrays=settings.spacing_of_arrays)
        geometry.check_mask(image, mask)
    if image.affine is None:
        image = replace(image, affine=unknown)
    image = _placed(image, settings, settings.interpolation)
    if settings.crop is not None:
        mask = None if mask is None else _placed(mask, settings, "nearest")
        image = geometry.cropped(image, settings.crop, box=source.box, mask=mask)
    if settings.size is not None and image.shape != settings.size:
        image = geometry.resized(image, settings.size, settings.fit)
    return image


@contextmanager
def one_thread() -> Iterator[None]:
    """Use one torch thread: several processes prepare volumes at the same time and share the cores."""
    torch = require("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _placed(volume: Volume, settings: Preprocess, interpolation: str) -> Volume:
    if settings.orientation is not None:
        volume = geometry.oriented(volume, settings.orientation)
    if settings.spacing is not None:
        volume = geometry.resampled(volume, settings.spacing, interpolation)
    return volume
