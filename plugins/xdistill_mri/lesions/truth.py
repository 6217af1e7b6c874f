"""What decides whether a generated lesion is malignant, and the best score that knowing it can give."""

from __future__ import annotations

from math import sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

# Criteria after the 7-point checklist and the ABCD rule, with their weights in the logit.
CRITERIA: Final = {"asymmetry": 0.9, "border": 0.9, "colours": 1.2, "diameter": 0.5, "blue_veil": 1.2}
CLASSES: Final = ("benign", "malignant")

_INTERCEPT = -0.5
_STEEP = 1.5  # of the score, as a function of its latent normal variable
_LARGEST_SCORE = 10.0
_POINTS = 4001


def weights(strength: float) -> NDArray[np.float64]:
    """Weights of the latent criteria in the logit, ``(criteria,)``."""
    return strength * np.array([*CRITERIA.values()])


def logits(latents: NDArray[np.float64], strength: float) -> NDArray[np.float64]:
    """Log odds of malignancy given the latent criteria ``(subjects, criteria)``."""
    found: NDArray[np.float64] = latents @ weights(strength) + _INTERCEPT
    return found


def share(latents: NDArray[np.float64]) -> NDArray[np.float64]:
    """How marked each criterion is, from 0 to 1."""
    from scipy.special import expit

    found: NDArray[np.float64] = expit(_STEEP * latents)
    return found


def scores(latents: NDArray[np.float64]) -> NDArray[np.float64]:
    """The scores that a clinician gives, from 0 to 10; the latent criteria can be computed back from them."""
    return _LARGEST_SCORE * share(latents)


def best_auc(strength: float) -> float:
    """The area under the ROC curve of the true probability of malignancy, by quadrature.

    The logit is normal, as a sum of normal criteria. No score of the criteria has a larger area (Neyman and Pearson),
    and none of the picture, which depends on the label through the criteria alone.

    >>> round(best_auc(0.0), 3), round(best_auc(1.0), 2)
    (0.5, 0.88)
    """
    from scipy.special import expit

    deviation = sqrt(float(weights(strength) @ weights(strength)))
    standard = np.linspace(-8, 8, _POINTS)
    density = np.exp(-(standard**2) / 2)
    malignant = expit(_INTERCEPT + deviation * standard)
    sick, well = density * malignant, density * (1 - malignant)
    sick, well = sick / sick.sum(), well / well.sum()
    if deviation == 0:
        return 0.5
    below = np.cumsum(well) - well / 2
    return float(sick @ below)
