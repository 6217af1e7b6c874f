"""From latents and anatomy to the two volumes of a subject, many subjects at a time.

Lengths are in half volumes; ``s`` is the logistic function.

- Hepatobiliary: bright liver of signal 1; a dark lesion whose margin is displaced at random by
  ``0.01 + 0.14 s(u_hbp)`` (standard deviation) and which is surrounded by a rim that is darker than liver by
  ``0.60 s(1.5 u_hbp)`` at the margin and fades outwards.
- Pre-contrast: a weak contrast, a margin of constant irregularity, and inside the lesion a texture of amplitude
  ``0.03 + 0.40 s(1.2 u_pre)`` (standard deviation).

Each volume is then scaled to mean 0 and standard deviation 1, as scanned volumes are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from xdistill_mri.phantom.anatomy import FIELDS, PHASES, Anatomy
from xdistill_mri.phantom.geometry import axes_around, distance_to_ellipsoid, per_subject, random_field, tube

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from xdistill_mri.phantom.latents import Latents

_MARGIN_BLUR = 0.045
_PARENCHYMA = 0.03
_COIL = 0.06
_NOISE = {"hbp": 0.06, "pre": 0.06}


def render(latents: Latents, anatomy: Anatomy, noise: float) -> dict[str, NDArray[np.float32]]:
    """The volumes of some subjects by phase, each ``(subjects, 1, depth, height, width)``, z-scored.

    Args:
        latents: of the same subjects as ``anatomy``.
        anatomy: their nuisances.
        noise: factor on the scanner's noise.
    """
    painters = {"hbp": _hepatobiliary, "pre": _pre_contrast}
    volumes = {}
    for phase in PHASES:
        volume = painters[phase](latents, anatomy)
        volume += _PARENCHYMA * _field(anatomy, phase, "parenchyma")
        volume *= 1 + _COIL * _field(anatomy, phase, "coil")
        volume += (noise * _NOISE[phase]) * anatomy.noise[:, PHASES.index(phase)]
        volumes[phase] = _z_scored(volume)[:, None]
    return volumes


def lesions(latents: Latents, anatomy: Anatomy) -> dict[str, NDArray[np.bool_]]:
    """The voxels of some subjects that are lesion by half or more, by phase, ``(subjects, depth, height, width)``.

    Args:
        latents: of the same subjects as ``anatomy``.
        anatomy: their nuisances.
    """
    return {phase: _scene(latents, anatomy, phase, _irregularity(latents, phase))[1] >= 0.5 for phase in PHASES}  # noqa: PLR2004 - half


def half_axes(latents: Latents, anatomy: Anatomy) -> NDArray[np.float32]:
    """Half axes of the lesions, ``(subjects, 3)``, in half volumes."""
    radius = 0.38 + 0.14 * _logistic(latents.size)
    axes: NDArray[np.float32] = radius[:, None] * anatomy.aspect
    return axes


def _hepatobiliary(latents: Latents, anatomy: Anatomy) -> NDArray[np.float32]:
    irregularity = _irregularity(latents, "hbp")
    darkness = 0.60 * _logistic(1.5 * latents.hbp)
    contrast = 0.62 + 0.10 * anatomy.contrast[:, PHASES.index("hbp")]
    distance, inside, vessels = _scene(latents, anatomy, "hbp", irregularity)
    rim = np.exp(-((np.maximum(distance, 0) / per_subject(0.26 + 0.08 * anatomy.rim_width)) ** 2))
    outside_signal = 1 - per_subject(darkness) * rim - 0.10 * vessels
    lesion_signal = per_subject(1 - contrast)
    return _blend(outside_signal, lesion_signal, inside)


def _pre_contrast(latents: Latents, anatomy: Anatomy) -> NDArray[np.float32]:
    irregularity = _irregularity(latents, "pre")
    amplitude = 0.03 + 0.40 * _logistic(1.2 * latents.pre)
    contrast = 0.22 + 0.08 * anatomy.contrast[:, PHASES.index("pre")]
    _, inside, vessels = _scene(latents, anatomy, "pre", irregularity)
    outside_signal = 1 - 0.06 * vessels
    lesion_signal = per_subject(1 - contrast) + per_subject(amplitude) * _field(anatomy, "pre", "lesion")
    return _blend(outside_signal, lesion_signal, inside)


def _irregularity(latents: Latents, phase: str) -> NDArray[np.floating]:
    """Standard deviation of the displacement of the lesion's margin, ``(subjects,)``."""
    if phase == "hbp":
        return 0.01 + 0.14 * _logistic(latents.hbp)
    return np.full(len(latents.pre), 0.04)


def _scene(
    latents: Latents, anatomy: Anatomy, phase: str, irregularity: NDArray[np.floating]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Distance to the margin, share of the lesion in each voxel, and vessels: each ``(subjects, *shape)``."""
    shape = anatomy.noise.shape[2:]
    axes = axes_around(anatomy.offset[:, PHASES.index(phase)], shape)
    distance = distance_to_ellipsoid(axes, half_axes(latents, anatomy))
    distance += per_subject(irregularity) * _field(anatomy, phase, "margin")
    inside = _logistic(distance / -_MARGIN_BLUR)
    vessels = np.zeros_like(distance)
    for one in range(anatomy.vessel_width.shape[1]):
        point, direction = anatomy.vessel_point[:, one], anatomy.vessel_direction[:, one]
        vessels += tube(axes, point, direction, anatomy.vessel_width[:, one])
    return distance, inside, vessels


def _blend(
    outside: NDArray[np.float32], lesion: NDArray[np.float32], inside: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Signals of liver and lesion, by the lesion's share in each voxel."""
    blended: NDArray[np.float32] = outside + inside * (lesion - outside)
    return blended


def _field(anatomy: Anatomy, phase: str, name: str) -> NDArray[np.float32]:
    at = PHASES.index(phase), list(FIELDS).index(name)
    return random_field(anatomy.wave_vectors[:, *at], anatomy.wave_phases[:, *at], anatomy.noise.shape[2:])


def _logistic(values: NDArray[np.floating]) -> NDArray[np.float32]:
    # The hyperbolic tangent does not overflow, whatever it is given.
    logistic: NDArray[np.float32] = 0.5 + 0.5 * np.tanh(0.5 * values.astype(np.float32))
    return logistic


def _z_scored(volumes: NDArray[np.float32]) -> NDArray[np.float32]:
    flat = volumes.reshape(len(volumes), -1)
    mean = flat.mean(axis=1, dtype=np.float64)
    spread = flat.std(axis=1, dtype=np.float64)
    return (volumes - per_subject(mean)) / per_subject(spread)
