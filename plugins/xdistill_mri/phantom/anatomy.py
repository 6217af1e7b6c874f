"""What differs between subjects and says nothing about the grade: position, shape, vessels, coils, noise."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

PHASES = ("hbp", "pre")
WAVES = 12
VESSELS = 3

_IMAGE_STREAM = 1

# Random fields of each phase with the range of their wavelengths; a volume is 2 long in every direction.
FIELDS = {"margin": (0.45, 0.7), "parenchyma": (0.3, 0.6), "lesion": (0.3, 0.45), "coil": (3.0, 6.0)}


@dataclass(frozen=True)
class Anatomy:
    """Nuisances of some subjects; lengths are in half volumes, a volume reaching from -1 to 1 in each direction.

    Attributes:
        offset: of the lesion's centre in each phase, ``(subjects, phases, 3)``; the phases are not registered.
        aspect: factors on the lesion's half axes, ``(subjects, 3)``.
        contrast: of the lesion to the liver, as a place within each phase's range, 0 to 1, ``(subjects, phases)``.
        rim_width: as a place within its range, 0 to 1, ``(subjects,)``.
        vessel_point: a point of each vessel, from the lesion's centre, ``(subjects, vessels, 3)``.
        vessel_direction: unit vectors, ``(subjects, vessels, 3)``.
        vessel_width: ``(subjects, vessels)``.
        wave_vectors: of the random fields, ``(subjects, phases, fields, waves, 3)``, in radians per unit of length.
        wave_phases: of the random fields, ``(subjects, phases, fields, waves)``, in radians.
        noise: of the scanner, standard normal, ``(subjects, phases, depth, height, width)``.
    """

    offset: NDArray[np.float32]
    aspect: NDArray[np.float32]
    contrast: NDArray[np.float32]
    rim_width: NDArray[np.float32]
    vessel_point: NDArray[np.float32]
    vessel_direction: NDArray[np.float32]
    vessel_width: NDArray[np.float32]
    wave_vectors: NDArray[np.float32]
    wave_phases: NDArray[np.float32]
    noise: NDArray[np.float32]


def draw_anatomies(rows: Sequence[int], seed: int, shape: tuple[int, int, int]) -> Anatomy:
    """The nuisances of these subjects.

    Each subject has a generator of its own, seeded by the cohort's seed and its row, so that a subject looks the
    same whichever subjects are drawn with it.
    """
    drawn = [_draw_one(np.random.default_rng([seed, _IMAGE_STREAM, row]), shape) for row in rows]
    return Anatomy(
        **{
            field.name: np.stack([one[field.name] for one in drawn]).astype(np.float32, copy=False)
            for field in fields(Anatomy)
        }
    )


def _draw_one(rng: np.random.Generator, shape: tuple[int, int, int]) -> dict[str, NDArray[np.floating]]:
    """The fields of an `Anatomy` for one subject, without the dimension of the subjects."""
    phases, kinds = len(PHASES), len(FIELDS)
    shortest, longest = np.array(list(FIELDS.values())).T[:, None, :, None]
    wavelength = rng.uniform(shortest, longest, (phases, kinds, WAVES))[..., None]
    return {
        "offset": rng.uniform(-0.12, 0.12, (phases, 3)),
        "aspect": rng.uniform(0.9, 1.1, 3),
        "contrast": rng.uniform(size=phases),
        "rim_width": rng.uniform(size=()),
        "vessel_point": rng.uniform(-0.9, 0.9, (VESSELS, 3)),
        "vessel_direction": _unit_vectors(rng, (VESSELS,)),
        "vessel_width": rng.uniform(0.04, 0.09, VESSELS),
        "wave_vectors": _unit_vectors(rng, (phases, kinds, WAVES)) * (2 * np.pi / wavelength),
        "wave_phases": rng.uniform(0, 2 * np.pi, (phases, kinds, WAVES)),
        "noise": rng.standard_normal((phases, *shape), dtype=np.float32),
    }


def _unit_vectors(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    vectors = rng.standard_normal((*shape, 3))
    unit: NDArray[np.float64] = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return unit
