"""From the prepared grid, on which a network sees an image, to the grid of the patient's own file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xdistill.deployment.explain.explanation import Map
from xdistill.errors import UserError
from xdistill.extras import require
from xdistill.interfaces.reader import Space

_AXES = 3
_nibabel = partial(require, extra="explain", purpose="placing maps in a subject's own file")


@dataclass(frozen=True)
class Placed:
    """A map on the grid of the source file.

    Attributes:
        values: ``(x, y, z)``; 0 outside of what the network saw.
        affine: of the file, ``(4, 4)``; that of voxel indices if the file has none.
        peak: index of the largest value that the network saw.
        known: whether the file has an affine.
    """

    values: NDArray[np.float32]
    affine: NDArray[np.float64]
    peak: tuple[int, int, int]
    known: bool = True

    @property
    def peak_mm(self) -> tuple[float, float, float]:
        """The peak in the space of the affine."""
        x, y, z = (self.affine @ [*self.peak, 1.0])[:_AXES]
        return float(x), float(y), float(z)


def placed(found: Map, name: str) -> Placed:
    """A map on the grid of its source file, by linear interpolation; on its own grid if it came from no file.

    Raises:
        UserError: if nibabel is not installed, or the file's grid is not known.
    """
    values = found.values[None] if found.values.ndim < _AXES else found.values
    values = np.ascontiguousarray(values.transpose(2, 1, 0))
    space = found.space
    if space is None:
        return replace(_with_peak(values, np.eye(4), np.ones(values.shape, dtype=bool)), known=False)
    source = np.eye(4) if space.affine is None else space.affine
    if space.prepared is None:
        if values.shape != space.shape:
            raise UserError(
                f"modality `{name}`: the source file has no spacing, so a map of {list(values.shape)} cannot be placed "
                f"in its {list(space.shape)} voxels; use files with a spatial transform"
            )
        result = _with_peak(values, source, np.ones(values.shape, dtype=bool))
    else:
        result = _resampled(values, space, source, space.prepared)
    return replace(result, known=space.affine is not None)


def image_of(placed_map: Placed) -> Any:
    """The map as a NIfTI image; without a transform if its source has none, so that viewers treat both alike.

    Raises:
        UserError: if nibabel is not installed.
    """
    image = _nibabel("nibabel").Nifti1Image(placed_map.values, placed_map.affine if placed_map.known else None)
    image.header.set_xyzt_units("mm")
    image.header["descrip"] = b"xdistill explain"
    return image


def _resampled(
    values: NDArray[np.float32], space: Space, source: NDArray[np.float64], prepared: NDArray[np.float64]
) -> Placed:
    nibabel, processing = _nibabel("nibabel"), _nibabel("nibabel.processing")
    grid = (space.shape, source)
    image = nibabel.Nifti1Image(values, prepared)
    seen = nibabel.Nifti1Image(np.ones(values.shape, dtype=np.float32), prepared)
    # `nearest` and a mask, because interpolation towards a value outside would lower the map at its border.
    moved = processing.resample_from_to(image, grid, order=1, mode="nearest").get_fdata(dtype=np.float32)
    inside = processing.resample_from_to(seen, grid, order=0, mode="grid-constant", cval=0).get_fdata() > 0
    return _with_peak(np.where(inside, moved, np.float32(0)), source, inside)


def _with_peak(values: NDArray[np.float32], affine: NDArray[np.float64], inside: NDArray[np.bool_]) -> Placed:
    best = int(np.where(inside, values, -np.inf).argmax())
    x, y, z = (int(index) for index in np.unravel_index(best, values.shape))
    return Placed(values, affine, (x, y, z))
