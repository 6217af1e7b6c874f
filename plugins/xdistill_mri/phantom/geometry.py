"""Shapes and random fields on the grid of a volume, many subjects at a time.

Lengths are in half volumes: voxel centres of each axis lie evenly between -1 and 1. A place is given by its three
coordinates ``Axes``, each of which varies along its own axis only, so that sums over axes stay cheap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Axes = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]


def axes_around(origin: NDArray[np.float32], shape: tuple[int, ...]) -> Axes:
    """Coordinates of the voxel centres as seen from each subject's origin.

    Args:
        origin: ``(subjects, 3)``.
        shape: depth, height and width in voxels.

    Returns:
        ``(subjects, depth, 1, 1)``, ``(subjects, 1, height, 1)`` and ``(subjects, 1, 1, width)``.
    """
    z, y, x = (_centres(size)[None] - origin[:, [axis]] for axis, size in enumerate(shape))
    return z[:, :, None, None], y[:, None, :, None], x[:, None, None, :]


def distance_to_ellipsoid(axes: Axes, half_axes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Distance to the surface of an ellipsoid around the origin, negative inside.

    Exact for a ball; for an ellipsoid the distance along the ray from the centre, taken at its mean half axis.

    Args:
        axes: places, see `axes_around`.
        half_axes: ``(subjects, 3)``.

    Returns:
        ``(subjects, depth, height, width)``.
    """
    z, y, x = (axis / per_subject(half) for axis, half in zip(axes, half_axes.T, strict=True))
    distance: NDArray[np.float32] = np.sqrt(z * z + y * y + x * x)
    distance -= 1
    distance *= per_subject(half_axes.mean(axis=1))
    return distance


def tube(
    axes: Axes, point: NDArray[np.float32], direction: NDArray[np.float32], width: NDArray[np.float32]
) -> NDArray[np.float32]:
    """A straight tube with a Gaussian profile that is 1 on its axis.

    Args:
        axes: places, see `axes_around`.
        point: on the tube's axis, ``(subjects, 3)``.
        direction: unit vectors, ``(subjects, 3)``.
        width: standard deviation of the profile, ``(subjects,)``.

    Returns:
        ``(subjects, depth, height, width)``.
    """
    z, y, x = (axis - per_subject(at) for axis, at in zip(axes, point.T, strict=True))
    along_z, along_y, along_x = (per_subject(part) for part in direction.T)
    squared: NDArray[np.float32] = z * z + y * y + x * x
    squared -= (z * along_z + y * along_y + x * along_x) ** 2
    squared *= per_subject(-0.5 / width**2)
    return np.exp(squared, out=squared)


def random_field(
    wave_vectors: NDArray[np.float32], wave_phases: NDArray[np.float32], shape: tuple[int, ...]
) -> NDArray[np.float32]:
    """A smooth random field of mean 0 and variance 1: a sum of plane waves.

    ``cos(a + b)`` is split into ``cos a cos b - sin a sin b`` with ``b`` along the width, so that the sum over the
    waves is a product of matrices and the cosines are taken on planes, not on the volume.

    Args:
        wave_vectors: ``(subjects, waves, 3)``, in radians per unit of length.
        wave_phases: ``(subjects, waves)``, in radians.
        shape: depth, height and width in voxels.

    Returns:
        ``(subjects, depth, height, width)``.
    """
    subjects, waves, _ = wave_vectors.shape
    z, y, x = (_centres(size) for size in shape)
    along_z = wave_vectors[:, None, None, :, 0] * z[:, None, None]
    along_y = wave_vectors[:, None, None, :, 1] * y[:, None] + wave_phases[:, None, None, :]
    plane = (along_z + along_y).reshape(subjects, -1, waves)
    line = wave_vectors[:, :, 2, None] * x
    left = np.concatenate([np.cos(plane), -np.sin(plane)], axis=2)
    right = np.concatenate([np.cos(line), np.sin(line)], axis=1)
    right *= np.float32((2.0 / waves) ** 0.5)
    field: NDArray[np.float32] = np.matmul(left, right).reshape(subjects, *shape)
    return field


def per_subject(values: NDArray[np.floating]) -> NDArray[np.float32]:
    """One value per subject, ``(subjects,)``, made to broadcast over volumes."""
    return values.astype(np.float32, copy=False)[:, None, None, None]


def _centres(size: int) -> NDArray[np.float32]:
    return ((2 * np.arange(size) + 1) / size - 1).astype(np.float32)
