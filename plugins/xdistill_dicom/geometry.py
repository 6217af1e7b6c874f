"""Whether slices form a volume, in which order, and their location.

Coordinates of DICOM run to the left, to the back and to the head; the affine's to the right, to the front and to the
head, as NIfTI's do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from xdistill_dicom.reading.header import Header

MIN_SLICES = 4
"""Series with fewer are localisers or incomplete."""
SAME_DIRECTION = 1e-3
"""Directions that differ by less in each component are the same."""
_SHEAR = 0.02  # mm across per mm along the normal: 1.1 degrees
_UNEVEN, _UNEVEN_MM = 0.05, 0.1  # of the usual distance between slices, and in mm
_SAME_PLACE = 1e-3  # mm


@dataclass(frozen=True)
class Grid:
    """Slices in order, and their location.

    Attributes:
        slices: the headers, ordered along the normal.
        affine: ``(4, 4)``, from (column, row, slice) to mm.
        problems: why they form no volume; empty if they do.
    """

    slices: tuple[Header, ...]
    affine: NDArray[np.float64] | None
    problems: tuple[str, ...]

    @property
    def spacing(self) -> tuple[float, float, float] | None:
        """Mm between voxels along x, y and z."""
        if self.affine is None:
            return None
        x, y, z = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(x), float(y), float(z)


def grid_of(slices: Sequence[Header]) -> Grid:
    """Order slices by position along their normal and check that they form a volume."""
    problem = _incomplete(slices) or _mixed(slices)
    if problem:
        return Grid(tuple(slices), None, (problem,))
    ordered, along = _ordered(slices)
    problem = _not_a_volume(along) or _few(along) or _sheared(ordered, along) or _uneven(along)
    return Grid(ordered, _affine(ordered) if np.ptp(along) > _SAME_PLACE else None, (problem,) if problem else ())


def orientations(slices: Sequence[Header]) -> list[list[Header]]:
    """The slices grouped by orientation, in the order of their first ones."""
    groups: list[tuple[NDArray[np.float64], list[Header]]] = []
    for header in slices:
        axes = np.array([header.rows_along, header.columns_along])
        for known, members in groups:
            if np.abs(known - axes).max() < SAME_DIRECTION:
                members.append(header)
                break
        else:
            groups.append((axes, [header]))
    return [members for _, members in groups]


def place_of(header: Header) -> tuple[int, ...]:
    """The position, rounded so that the same ones are equal."""
    return tuple(round(value / _SAME_PLACE) for value in header.position or ())


def _incomplete(slices: Sequence[Header]) -> str:
    for what, lacking in (
        ("position (ImagePositionPatient)", sum(header.position is None for header in slices)),
        ("orientation (ImageOrientationPatient)", sum(header.columns_along is None for header in slices)),
        ("voxel spacing (PixelSpacing)", sum(header.spacing is None for header in slices)),
    ):
        if lacking:
            return f"no valid {what} in {lacking} of {len(slices)} files"
    if any(header.rows_along is None for header in slices):
        return "no valid orientation (ImageOrientationPatient)"
    return ""


def _mixed(slices: Sequence[Header]) -> str:
    groups = orientations(slices)
    if len(groups) > 1:
        counts = ", ".join(str(len(members)) for members in groups)
        return f"mixed orientation: {len(groups)} orientations (of {counts} slices)"
    sizes = {header.size for header in slices}
    if len(sizes) > 1:
        return f"slices of different size: {' and '.join(f'{rows} x {columns}' for rows, columns in sorted(sizes))}"
    spacings = np.array([header.spacing for header in slices])
    if np.ptp(spacings, axis=0).max() > SAME_DIRECTION:
        return f"slices of different voxel spacing: {spacings.min():g} to {spacings.max():g} mm"
    return ""


def _ordered(slices: Sequence[Header]) -> tuple[tuple[Header, ...], NDArray[np.float64]]:
    """Slices along the normal, towards larger coordinates of its main axis, and their places on it in mm."""
    first = slices[0]
    normal = np.cross(np.array(first.rows_along), np.array(first.columns_along))
    normal /= np.linalg.norm(normal)
    if normal[np.abs(normal).argmax()] < 0:
        normal = -normal
    along = np.array([header.position for header in slices]) @ normal
    order = np.argsort(along, kind="stable")
    return tuple(slices[int(index)] for index in order), along[order]


def _not_a_volume(along: NDArray[np.float64]) -> str:
    if len(along) > 1 and np.ptp(along) < _SAME_PLACE:
        return f"not a volume: all {len(along)} slices lie at the same position"
    return ""


def _few(along: NDArray[np.float64]) -> str:
    if len(along) >= MIN_SLICES:
        return ""
    slices = f"{len(along)} slice{'s' * (len(along) > 1)}"
    return f"only {slices}, and a volume has at least {MIN_SLICES}: slices are missing, or it is a localiser"


def _sheared(ordered: Sequence[Header], along: NDArray[np.float64]) -> str:
    """A gantry that is tilted moves slices sideways."""
    steps = np.array(ordered[-1].position) - np.array(ordered[0].position)
    across = np.sqrt(max(float(steps @ steps) - float(np.ptp(along)) ** 2, 0.0))
    ratio = across / float(np.ptp(along))
    if ratio <= _SHEAR:
        return ""
    return f"gantry tilt: slices are shifted along a line {np.degrees(np.arctan(ratio)):.1f} degrees off their normal"


def _uneven(along: NDArray[np.float64]) -> str:
    distances = np.diff(along)
    if distances.min() < _SAME_PLACE:
        twice = int((distances < _SAME_PLACE).sum())
        return f"several slices at the same position ({twice} of {len(along)}), which no header tells apart"
    usual = float(np.median(distances))
    off = np.abs(distances - usual) > _UNEVEN * usual + _UNEVEN_MM
    if not off.any():
        return ""
    times = distances[off] / usual
    whole = np.abs(times - np.round(times)) * usual <= _UNEVEN * usual + _UNEVEN_MM
    if bool((whole & (np.round(times) > 1)).all()):
        missing = int((np.round(times) - 1).sum())
        first = int(np.flatnonzero(off)[0]) + 1
        return (
            f"missing slices: {missing} of {len(along) + missing}, the first after slice {first}, where the distance "
            f"is {distances[first - 1]:.2f} mm instead of {usual:.2f} mm"
        )
    return f"unevenly spaced slices: {distances.min():.2f} to {distances.max():.2f} mm apart"


def _affine(ordered: Sequence[Header]) -> NDArray[np.float64]:
    """From (column, row, slice) to mm: https://nipy.org/nibabel/dicom/dicom_orientation.html, "3D affine formulae"."""
    first, last = ordered[0], ordered[-1]
    between_rows, between_columns = first.spacing or (1.0, 1.0)
    affine = np.eye(4)
    affine[:3, 0] = np.array(first.rows_along) * between_columns
    affine[:3, 1] = np.array(first.columns_along) * between_rows
    affine[:3, 2] = (np.array(last.position) - np.array(first.position)) / (len(ordered) - 1)
    affine[:3, 3] = first.position
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine


def overlapping(ranges: Sequence[tuple[float, float]]) -> bool:
    """Whether any range begins before the one before it ends."""
    return any(earlier[1] >= later[0] for earlier, later in pairwise(ranges))
