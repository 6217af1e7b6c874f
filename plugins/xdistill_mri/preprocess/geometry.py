"""Reorients, resamples, crops and resizes volumes, with nibabel, SciPy and PyTorch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from xdistill.errors import DataError
from xdistill_mri.preprocess.extra import require
from xdistill_mri.preprocess.settings import Crop
from xdistill_mri.preprocess.source import Bounds
from xdistill_mri.preprocess.volume import Volume

_AXES = 3
_ORDER: Mapping[str, Literal[0, 1, 3]] = {"nearest": 0, "linear": 1, "cubic": 3}
_FIT = {"linear": "trilinear", "area": "area", "nearest": "nearest"}


def oriented(volume: Volume, directions: str) -> Volume:
    """The volume with its x, y and z axes reoriented to these anatomical directions.

    Raises:
        DataError: if the file does not state its orientation.
    """
    if volume.affine is None or not volume.oriented:
        why = volume.unknown if volume.affine is None else "arrays do not state it: leave the setting out"
        raise DataError(f"{volume.file}: orientation {directions} needs a known one; {why}")
    tools = require("nibabel.orientations")
    turn = tools.ornt_transform(tools.io_orientation(volume.affine), tools.axcodes2ornt(directions))
    affine = volume.affine @ tools.inv_ornt_aff(turn, volume.values.shape)
    return replace(volume, values=tools.apply_orientation(volume.values, turn), affine=affine)


def resampled(
    volume: Volume,
    spacing: tuple[float, float, float],
    interpolation: str,
    *,
    center: tuple[int, int, int] | None = None,
) -> Volume:
    """The volume on a grid of this spacing, first voxel in place; voxels outside have the value of the nearest inside.

    Args:
        volume: of any spacing.
        spacing: mm along depth, height and width.
        interpolation: nearest, linear or cubic.
        center: size (depth, height, width) of the part around the center that is computed; None: all. It is ignored
            for a volume that is smaller along an axis.

    Raises:
        DataError: if the spacing of the file is unknown.
    """
    from scipy import ndimage

    ratio = np.array(spacing[::-1]) / volume.spacing(f"spacing {list(spacing)}")
    shape = tuple(int(length) for length in np.round((np.array(volume.values.shape) - 1) / ratio + 1))
    start = np.zeros(_AXES)
    if center is not None and all(length >= wanted for length, wanted in zip(shape, center[::-1], strict=True)):
        start = np.array([first for first, _ in _central(shape, center[::-1])])
        shape = center[::-1]
    values = ndimage.affine_transform(
        volume.values,
        ratio,
        offset=start * ratio,
        output_shape=shape,
        output=np.float32,
        order=_ORDER[interpolation],
        mode="nearest",
    )
    return replace(volume, values=values, affine=_scaled(volume.affine, ratio, start * ratio))


def cropped(volume: Volume, crop: Crop, *, box: Bounds | None, mask: Volume | None) -> Volume:
    """The part of the volume that ``crop`` keeps.

    Args:
        volume: after orientation and resampling.
        crop: the settings.
        box: for a crop by box, its bounds along depth, height and width.
        mask: for a crop by mask, the mask on the volume's grid.

    Raises:
        DataError: for a box outside the volume, an empty mask, or a center crop larger than the volume.
    """
    if crop.center is not None:
        center = of_slices(crop.center)
        if any(length < wanted for length, wanted in zip(volume.shape, center, strict=True)):
            raise DataError(
                f"{volume.file}: the center crop {list(crop.center)} is larger than the volume "
                f"{list(volume.shape)}; make it smaller, or use size with fit: pad_or_crop"
            )
        return _part(volume, _central(volume.values.shape, center[::-1]))
    margins = _margins(volume, crop)
    bounds = _mask_bounds(mask, crop) if mask is not None else _box_bounds(volume, box)
    limits = volume.values.shape
    return _part(
        volume,
        [
            (max(first - margin, 0), min(last + margin, top))
            for (first, last), margin, top in zip(bounds, margins, limits, strict=True)
        ],
    )


def of_slices(size: tuple[int, ...]) -> tuple[int, int, int]:
    """Depth, height and width; a picture is one slice deep."""
    height, width = size[-2:]
    return size[0] if len(size) == _AXES else 1, height, width


def resized(volume: Volume, size: tuple[int, int, int], fit: str, aspect: str = "stretch") -> Volume:
    """The volume with this many voxels (depth, height, width).

    Args:
        volume: of any size.
        size: of the result.
        fit: how; see `Preprocess`.
        aspect: whether the ratio of the sides is kept, counted in voxels; see `Preprocess`.
    """
    wanted = size[::-1]
    if fit != "pad_or_crop":
        between = wanted if aspect == "stretch" else _same_ratio(volume, size, within=aspect == "pad")
        if between != volume.values.shape:
            volume = _interpolated(volume, between, _FIT[fit])
    return _padded_or_cropped(volume, wanted)


def _interpolated(volume: Volume, size: Sequence[int], mode: str) -> Volume:
    import torch

    tensor = torch.from_numpy(np.ascontiguousarray(volume.values))[None, None]
    values = torch.nn.functional.interpolate(tensor, size=tuple(size), mode=mode)[0, 0].numpy()
    ratio = np.array(volume.values.shape) / np.array(size)
    return replace(volume, values=values, affine=_scaled(volume.affine, ratio, (ratio - 1) / 2))


def _padded_or_cropped(volume: Volume, wanted: Sequence[int]) -> Volume:
    """The volume with this size (x, y, z), padded on both sides by its smallest value, or cropped to its center."""
    missing = [max(length - held, 0) for held, length in zip(volume.values.shape, wanted, strict=True)]
    if any(missing):
        widths = [(count // 2, count - count // 2) for count in missing]
        values = np.pad(volume.values, widths, constant_values=volume.values.min())
        shift = -np.array([before for before, _ in widths])
        volume = replace(volume, values=values, affine=_scaled(volume.affine, np.ones(_AXES), shift))
    return _part(volume, _central(volume.values.shape, wanted))


def _same_ratio(volume: Volume, size: tuple[int, int, int], *, within: bool) -> tuple[int, ...]:
    """The largest size (x, y, z) of the volume's ratio within a size, or the smallest around it.

    Axes of one voxel, such as the depth of a picture, do not count.
    """
    pairs = list(zip(reversed(size), volume.values.shape, strict=True))
    factors = [new / old for new, old in pairs if old > 1 or new > 1]
    factor = min(factors) if within else max(factors)
    limit = min if within else max
    return tuple(limit(max(1, round(old * factor)), new) if old > 1 or new > 1 else 1 for new, old in pairs)


def check_mask(image: Volume, mask: Volume) -> None:
    """Check that a mask is on its image's grid.

    Raises:
        DataError: if the two differ in shape or, if both have one, in their transform, and for NaN in the mask.
    """
    if not np.isfinite(mask.values).all():
        raise DataError(f"{mask.file}: the mask has NaN or infinite values; use whole numbers")
    if image.shape != mask.shape:
        raise DataError(
            f"{mask.file}: the mask has the shape {list(mask.shape)}, but its image {image.file} has "
            f"{list(image.shape)} (depth, height, width); draw or resample the mask on the image's grid"
        )
    if image.affine is None or mask.affine is None:
        return
    tolerance = 1e-2 * image.spacing("crop").min()
    if np.abs(image.affine - mask.affine).max() > tolerance:
        raise DataError(
            f"{mask.file}: the spatial transform of the mask differs from that of its image {image.file}; "
            f"resample the mask on the image's grid"
        )


def _margins(volume: Volume, crop: Crop) -> NDArray[np.int64]:
    """Voxels of margin along x, y and z; fractions are rounded up."""
    if not crop.margin:
        return np.full(3, crop.margin_voxels, dtype=np.int64)
    spacing = volume.spacing(f"a crop margin of {crop.margin:g} mm")
    # Rounding first, or 10 mm at a spacing of 2.5 mm stored as float32 could become five voxels.
    return np.ceil(np.round(crop.margin / spacing, 4)).astype(np.int64)


def _mask_bounds(mask: Volume, crop: Crop) -> list[tuple[int, int]]:
    """First voxel and the one after the last along x, y and z."""
    chosen = mask.values != 0 if crop.labels is None else np.isin(mask.values, crop.labels)
    if not chosen.any():
        held = ", ".join(f"{value:g}" for value in np.unique(mask.values)[:20])
        wanted = "anything but 0" if crop.labels is None else " or ".join(str(label) for label in crop.labels)
        raise DataError(f"{mask.file}: no voxel of the mask is {wanted}; it holds {held}")
    from scipy import ndimage

    (bounds,) = ndimage.find_objects(chosen.astype(np.uint8))
    return [(found.start, found.stop) for found in bounds]


def _box_bounds(volume: Volume, box: Bounds | None) -> list[tuple[int, int]]:
    if box is None:
        raise DataError(f"{volume.file}: no crop box was given")
    for axis, (first, last), length in zip(("depth", "height", "width"), box, volume.shape, strict=True):
        if not 0 <= first < last <= length:
            raise DataError(
                f"{volume.file}: the crop box is [{first}, {last}] along {axis}; the first must be smaller than the "
                f"second, and both within 0 to {length}"
            )
    return list(reversed(box))


def _central(shape: Sequence[int], size: Sequence[int]) -> list[tuple[int, int]]:
    """Bounds of the part of this size around the center of a shape."""
    starts = [length // 2 - wanted // 2 for length, wanted in zip(shape, size, strict=True)]
    return [(start, start + wanted) for start, wanted in zip(starts, size, strict=True)]


def _part(volume: Volume, bounds: Sequence[tuple[int, int]]) -> Volume:
    """The part of the volume between these bounds along x, y and z."""
    values = volume.values[tuple(slice(first, last) for first, last in bounds)]
    start = np.array([first for first, _ in bounds])
    return replace(volume, values=values, affine=_scaled(volume.affine, np.ones(_AXES), start))


def _scaled(affine: NDArray[np.float64] | None, ratio: NDArray[Any], start: NDArray[Any]) -> NDArray[np.float64] | None:
    """The affine of a grid whose voxel ``i`` lies at ``ratio * i + start`` of the former one, along x, y and z."""
    if affine is None:
        return None
    step = np.diag([*ratio, 1.0])
    step[:_AXES, _AXES] = start
    return affine @ step
