"""Temperature scaling (Guo et al., ICML 2017)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SMALLEST = 1e-12  # probability whose logarithm is taken
BOUNDS = (0.05, 20.0)  # of the temperature; predictions without an error have no finite optimum

SPREADS = (0.25, 4.0)  # bounds of the relative spread


def spread_of(probabilities: NDArray[np.float64]) -> float:
    """Standard deviation of log probabilities, ``(subjects, classes)``, around each subject's mean over the classes."""
    logits = np.log(np.clip(probabilities, SMALLEST, 1))
    return float((logits - logits.mean(axis=1, keepdims=True)).std())


def relative_spread(model: NDArray[np.float64], folds: NDArray[np.float64]) -> float:
    """How much a model's log probabilities vary, relative to those of the folds' networks.

    Both are measured on subjects that the networks were trained on. A network of a fold was trained on fewer subjects
    than the model, so that its logits hold more noise; those of an ensemble hold less, too. Labels are not read.

    Args:
        model: predictions for its training subjects, ``(subjects, classes)``.
        folds: of the folds' networks for subjects that they were trained on, ``(subjects, classes)``.

    Returns:
        The ratio; 1 if the networks predict the same for every subject.
    """
    own, others = spread_of(model), spread_of(folds)
    return own / others if own > 0 and others > 0 else 1.0


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
