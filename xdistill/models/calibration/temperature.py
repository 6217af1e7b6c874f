"""Temperature scaling (Guo et al., ICML 2017)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SMALLEST = 1e-12  # probability whose logarithm is taken
BOUNDS = (0.05, 20.0)  # of the temperature; predictions without an error have no finite optimum


def scaled(probabilities: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """The softmax of log probabilities divided by a temperature, ``(subjects, classes)``."""
    logits = np.log(np.clip(probabilities, SMALLEST, 1)) / temperature
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    result: NDArray[np.float64] = odds / odds.sum(axis=1, keepdims=True)
    return result


def fit_temperature(
    targets: NDArray[np.int64], probabilities: NDArray[np.float64], weights: NDArray[np.float64]
) -> float:
    """The temperature with the smallest weighted negative log-likelihood, between 0.05 and 20.

    The likelihood is log-concave in the inverse temperature, so that there is one minimum.
    """
    from scipy.optimize import minimize_scalar

    logits = np.log(np.clip(probabilities, SMALLEST, 1))
    own = logits[np.arange(len(targets)), targets]

    def loss(inverse: float) -> float:
        largest = (inverse * logits).max(axis=1, keepdims=True)
        normaliser = largest[:, 0] + np.log(np.exp(inverse * logits - largest).sum(axis=1))
        return float(np.average(normaliser - inverse * own, weights=weights))

    low, high = 1 / BOUNDS[1], 1 / BOUNDS[0]
    found = minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-8})
    return float(1 / found.x)
