"""Reorients, resamples, crops and resizes volumes with MONAI's transforms."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xdistill.errors import DataError
from xdistill_mri.preprocess.extra import require
from xdistill_mri.preprocess.settings import Crop
from xdistill_mri.preprocess.source import Bounds
from xdistill_mri.preprocess.volume import Volume

_AXES = 3
_DIRECTIONS = (("L", "R"), ("P", "A"), ("I", "S"))
_RESAMPLING: dict[str, tuple[str | int, str]] = {
    "nearest": ("nearest", "border"),
    "linear": ("bilinear", "border"),
    "cubic": (3, "nearest"),
}
_FIT = {"linear": "trilinear", "area": "area", "nearest": "nearest"}


def oriented(volume: Volume, directions: str) -> Volume:
    """The volume with its x, y and z axes reoriented to these anatomical directions.

    Raises:
        DataError: if the file does not state its orientation.
    """
    return _moved(volume, _orientation(volume, directions))


def resampled(volume: Volume, spacing: tuple[float, float, float], interpolation: str) -> Volume:
    """The volume on a grid of this spacing (mm; depth, height, width), first voxel in place.

    Raises:
        DataError: if the spacing of the file is unknown.
    """
    return _moved(volume, _spacing(volume, spacing, interpolation))


def resampled_center(
    volume: Volume, directions: str | None, spacing: tuple[float, float, float], size: tuple[int, int, int]
) -> Volume | None:
    """What `oriented`, `resampled` by ``linear`` and `resized` by ``pad_or_crop`` give, in one step.

    Only the voxels that are kept are interpolated, by MONAI's lazy resampling; the values are the same.

    Returns:
        The volume; None if it is smaller than ``size`` along an axis, because the value of the padding depends on the
        whole volume.

    Raises:
        DataError: if the spacing, or the orientation that is needed, is unknown.
    """
    wanted = tuple(reversed(size))
    turn = [] if directions is None else [_orientation(volume, directions)]
    moved = _tensor(volume)
    for transform in (*turn, _spacing(volume, spacing, "linear")):
        moved = transform(moved, lazy=True)
    if any(length < least for length, least in zip(moved.peek_pending_shape(), wanted, strict=True)):
        return None
    moved = require("monai.transforms").CenterSpatialCrop(roi_size=wanted)(moved, lazy=True)
    return _taken(volume, require("monai.transforms.lazy.functional").apply_pending(moved)[0])


def _orientation(volume: Volume, directions: str) -> Any:
    if not volume.oriented:
        why = volume.unknown if volume.affine is None else "arrays do not state it: leave the setting out"
        raise DataError(f"{volume.file}: orientation {directions} needs a known one; {why}")
    return require("monai.transforms").Orientation(axcodes=directions, labels=_DIRECTIONS)


def _spacing(volume: Volume, spacing: tuple[float, float, float], interpolation: str) -> Any:
    volume.spacing(f"spacing {list(spacing)}")
    mode, padding = _RESAMPLING[interpolation]
    return require("monai.transforms").Spacing(pixdim=tuple(reversed(spacing)), mode=mode, padding_mode=padding)


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
        transform = require("monai.transforms").CenterSpatialCrop(roi_size=tuple(reversed(center)))
        return _moved(volume, transform)
    margins = _margins(volume, crop)
    bounds = _mask_bounds(mask, crop) if mask is not None else _box_bounds(volume, box)
    limits = tuple(reversed(volume.shape))
    start = [max(first - margin, 0) for (first, _), margin in zip(bounds, margins, strict=True)]
    end = [min(last + margin, top) for (_, last), margin, top in zip(bounds, margins, limits, strict=True)]
    return _moved(volume, require("monai.transforms").SpatialCrop(roi_start=start, roi_end=end))


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
    transforms = require("monai.transforms")
    wanted = tuple(reversed(size))
    if fit != "pad_or_crop":
        between = wanted if aspect == "stretch" else _same_ratio(volume, size, within=aspect == "pad")
        if between != volume.values.shape:
            volume = _moved(volume, transforms.Resize(spatial_size=between, mode=_FIT[fit]))
    if volume.values.shape == wanted:
        return volume
    smallest = float(volume.values.min())
    return _moved(volume, transforms.ResizeWithPadOrCrop(spatial_size=wanted, mode="constant", value=smallest))


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
    start, end = require("monai.transforms").generate_spatial_bounding_box(
        chosen[None], select_fn=_itself, allow_smaller=True
    )
    return [(int(first), int(last)) for first, last in zip(start, end, strict=True)]


def _itself(values: Any) -> Any:
    return values


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


def _moved(volume: Volume, transform: Any) -> Volume:
    """Run a transform of MONAI on the volume with its affine."""
    return _taken(volume, transform(_tensor(volume)))


def _tensor(volume: Volume) -> Any:
    """The volume as a tensor with metadata, ``(1, x, y, z)``."""
    torch = require("torch")
    affine = np.eye(4) if volume.affine is None else volume.affine
    # A copy, because MONAI warns about read-only arrays.
    return require("monai.data").MetaTensor(
        torch.from_numpy(volume.values.copy())[None], affine=torch.from_numpy(affine.copy())
    )


def _taken(volume: Volume, result: Any) -> Volume:
    """The volume with the values and the affine of a tensor."""
    values = np.ascontiguousarray(result.as_tensor().numpy()[0], dtype=np.float32)
    known = None if volume.affine is None else np.asarray(result.affine, dtype=np.float64)
    return replace(volume, values=values, affine=known)
