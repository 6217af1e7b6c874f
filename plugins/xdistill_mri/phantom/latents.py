"""The hidden truth of every subject, and the grades cut from it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from xdistill_mri.phantom.effects import CLASS_COUNTS, Effect, correlation
from xdistill_mri.phantom.items import ITEMS

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TRUTH_STREAM = 0


@dataclass(frozen=True)
class Latents:
    """What is true of each subject; all standard normal.

    Attributes:
        invasiveness: ``r``, ``(subjects,)``.
        pathology: ``r`` plus the noise of the pathologist's sampling, ``(subjects,)``; cut into grades. Its
            variance is one plus that of the noise.
        hbp: ``u_hbp``, what the hepatobiliary phase shows, ``(subjects,)``.
        pre: ``u_pre``, what the pre-contrast phase shows, ``(subjects,)``.
        size: of the lesion, ``(subjects,)``; independent of all of the above.
        clinical: latents of the clinical items, ``(subjects, items)``.
        absence: latents of what is missing, ``(subjects, items)``; independent of all of the above.
    """

    invasiveness: NDArray[np.float64]
    pathology: NDArray[np.float64]
    hbp: NDArray[np.float64]
    pre: NDArray[np.float64]
    size: NDArray[np.float64]
    clinical: NDArray[np.float64]
    absence: NDArray[np.float64]

    def take(self, rows: slice | Sequence[int]) -> Latents:
        """The same, of some subjects."""
        return Latents(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


def draw_latents(subjects: int, effect: Effect, seed: int) -> Latents:
    """The truth of a cohort; the first subjects are the same however many follow.

    Args:
        subjects: how many.
        effect: signal-to-noise ratios.
        seed: of the cohort.
    """
    items = len(ITEMS)
    # One row per subject, so that a longer cohort only adds rows.
    normal = np.random.default_rng([seed, _TRUTH_STREAM]).standard_normal((subjects, 5 + 2 * items))
    r, pathology_noise, hbp_noise, pre_noise, size = normal[:, :5].T
    hbp = _follow(r, hbp_noise, effect.hbp)
    causes = {"invasiveness": r, "hbp": hbp, "size": size}
    noise = normal[:, 5 : 5 + items]
    return Latents(
        invasiveness=r,
        pathology=r + effect.pathology * pathology_noise,
        hbp=hbp,
        pre=_follow(r, pre_noise, effect.pre),
        size=size,
        clinical=np.stack(
            [
                _follow(causes[item.cause], noise[:, column], item.gain * effect.clinical)
                for column, item in enumerate(ITEMS)
            ],
            axis=1,
        ),
        absence=normal[:, 5 + items :],
    )


def class_counts(subjects: int) -> tuple[int, ...]:
    """How many of so many subjects have each grade: the shares of 128, 93 and 49, by largest remainder."""
    total = sum(CLASS_COUNTS)
    counts = [subjects * count // total for count in CLASS_COUNTS]
    remainders = [subjects * count % total for count in CLASS_COUNTS]
    by_remainder = sorted(range(len(counts)), key=lambda grade: (-remainders[grade], grade))
    for grade in by_remainder[: subjects - sum(counts)]:
        counts[grade] += 1
    return tuple(counts)


def grades(pathology: NDArray[np.float64]) -> NDArray[np.int64]:
    """Class indices ``(subjects,)``: the least invasive subjects are M0, the most invasive M2, in exact counts."""
    counts = class_counts(len(pathology))
    cut = np.empty(len(pathology), dtype=np.int64)
    cut[np.argsort(pathology, kind="stable")] = np.repeat(np.arange(len(counts)), counts)
    return cut


def _follow(cause: NDArray[np.float64], noise: NDArray[np.float64], gain: float) -> NDArray[np.float64]:
    rho = correlation(gain)
    followed: NDArray[np.float64] = rho * cause + math.sqrt(1.0 - rho**2) * noise
    return followed
