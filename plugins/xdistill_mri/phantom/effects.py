"""How much the image and the clinical items say about the invasiveness, by the name of the effect."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

EffectName = Literal["calibrated", "strong", "null"]

CLASSES = ("M0", "M1", "M2")
CLASS_COUNTS = (128, 93, 49)
"""Grades of microvascular invasion and how many of 270 patients have each."""


@dataclass(frozen=True)
class Effect:
    """Signal-to-noise ratios of the generative model.

    A measurement with gain ``g`` is ``(g r + noise) / sqrt(g**2 + 1)`` with standard normal noise: it has unit
    variance and its correlation with the invasiveness ``r`` is ``g / sqrt(g**2 + 1)``.

    Attributes:
        hbp: gain of what the hepatobiliary phase shows.
        pre: gain of what the pre-contrast phase shows.
        clinical: factor on the gain of every clinical item; 0 makes them noise.
        pathology: standard deviation of what the pathologist's sampling adds to the invasiveness before it is cut into
            grades.
    """

    hbp: float
    pre: float
    clinical: float
    pathology: float = 0.2


EFFECTS: dict[EffectName, Effect] = {
    "calibrated": Effect(hbp=0.70, pre=0.48, clinical=1.0),
    "strong": Effect(hbp=1.30, pre=0.90, clinical=10.0, pathology=0.8),
    "null": Effect(hbp=0.70, pre=0.48, clinical=0.0),
}


def correlation(gain: float) -> float:
    """Correlation with its cause of a measurement of this gain, from -1 to 1."""
    return gain / math.sqrt(1.0 + gain**2)
