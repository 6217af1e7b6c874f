r"""The best possible score on the generated cohort, by simulating the true posterior.

Given the invasiveness ``r`` all measurements are independent of each other and of the grade, so on a grid of ``r``

.. math::
    \log p(r \mid \text{measurements}) = \log p(r) + \sum_j \log p(m_j \mid r) + \text{const}

where a numeric latent ``c`` with correlation ``s`` adds the log density of ``N(s r, 1 - s^2)``, a category the
probability of its interval, and a value that is missing the probability of being missing given ``r``. That a value is
there, given the value, says nothing more about ``r``. The grade's likelihood is the mixture of ``p(grade | r)`` over
this posterior.

Which scores are best? Macro one-versus-one AUC, as scikit-learn computes it, ranks the subjects of each pair of
classes by the score of either. Summed over the pairs, the score of class ``k`` has to tell class ``k`` from an equal
mixture of the others; by Neyman and Pearson no score does that better than ``f_k / sum_j f_j``, with ``f_k`` the
density of the measurements in class ``k``. That is the posterior under equal class frequencies, and its AUC is the
bound.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import accumulate, combinations
from statistics import NormalDist
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from xdistill_mri.phantom.clinical import absence_cut, cuts, is_missing, to_units
from xdistill_mri.phantom.effects import CLASS_COUNTS, EFFECTS, Effect, EffectName, correlation
from xdistill_mri.phantom.items import ITEMS, Item
from xdistill_mri.phantom.latents import Latents, draw_latents

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NORMAL = NormalDist()
_GRID = np.linspace(-5.0, 5.0, 161)
_SUBJECTS = 60_000
_SEED = 20_230
_CHUNK = 5_000


@cache
def best_auc(effect: EffectName) -> Mapping[str, float]:
    """Best possible macro one-versus-one AUC: ``image`` (both phases) and ``image and clinical`` (all modalities).

    Simulated on 60,000 subjects with a fixed seed; its standard error is about 0.0015.
    """
    strengths = EFFECTS[effect]
    latents = draw_latents(_SUBJECTS, strengths, _SEED)
    targets = np.digitize(latents.pathology, grade_cuts(strengths.pathology))
    aucs = {
        name: macro_auc(balanced_posterior(latents, strengths, clinical=clinical), targets)
        for name, clinical in (("image", False), ("image and clinical", True))
    }
    return MappingProxyType(aucs)


def balanced_posterior(latents: Latents, effect: Effect, *, clinical: bool) -> NDArray[np.float64]:
    """Probability of each grade, were the grades equally frequent, given what is seen; ``(subjects, classes)``.

    Args:
        latents: the subjects.
        effect: signal-to-noise ratios they were drawn with.
        clinical: whether the clinical items are seen besides the two phases.
    """
    densities = _densities(latents, effect, clinical=clinical)
    probability: NDArray[np.float64] = densities / densities.sum(axis=1, keepdims=True)
    return probability


def posterior(latents: Latents, effect: Effect, *, clinical: bool) -> NDArray[np.float64]:
    """Probability of each grade given what is seen, the grades being as frequent as they are; ``(subjects, classes)``.

    Args:
        latents: the subjects.
        effect: signal-to-noise ratios they were drawn with.
        clinical: whether the clinical items are seen besides the two phases.
    """
    joint = _densities(latents, effect, clinical=clinical) * np.asarray(CLASS_COUNTS)
    result: NDArray[np.float64] = joint / joint.sum(axis=1, keepdims=True)
    return result


def _densities(latents: Latents, effect: Effect, *, clinical: bool) -> NDArray[np.float64]:
    """Density of what is seen in each class, up to a factor per subject, ``(subjects, classes)``."""
    invasiveness_in_class = _invasiveness_in_class(effect)
    parts = []
    for start in range(0, len(latents.invasiveness), _CHUNK):
        chunk = latents.take(slice(start, start + _CHUNK))
        log_likelihood = _image_log_likelihood(chunk, effect)
        if clinical:
            log_likelihood += _clinical_log_likelihood(chunk, effect)
        likelihood = np.exp(log_likelihood - log_likelihood.max(axis=1, keepdims=True))
        parts.append(likelihood @ invasiveness_in_class)
    return np.concatenate(parts)


def macro_auc(scores: NDArray[np.float64], targets: NDArray[np.int64]) -> float:
    """Macro one-versus-one AUC of scores ``(subjects, classes)``: each pair is ranked by the score of either."""
    pairs = []
    for first, second in combinations(range(scores.shape[1]), 2):
        for one, other in ((first, second), (second, first)):
            pairs.append(_auc(scores[targets == one, one], scores[targets == other, one]))
    return float(np.mean(pairs))


def _auc(positive: NDArray[np.float64], negative: NDArray[np.float64]) -> float:
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, side="left")
    not_above = np.searchsorted(ordered, positive, side="right")
    return float((below + not_above).mean() / (2 * len(negative)))


def _image_log_likelihood(latents: Latents, effect: Effect) -> NDArray[np.float64]:
    slope = _gaussian_slope(effect.hbp) * latents.hbp + _gaussian_slope(effect.pre) * latents.pre
    precision = effect.hbp**2 + effect.pre**2
    return np.outer(slope, _GRID) - 0.5 * precision * _GRID**2


def _clinical_log_likelihood(latents: Latents, effect: Effect) -> NDArray[np.float64]:
    """Log likelihood ``(subjects, grid)`` up to a constant per subject, of what the image does not show already."""
    subjects = len(latents.invasiveness)
    slope, precision = np.zeros(subjects), np.zeros(subjects)
    tables: NDArray[np.float64] = np.zeros((subjects, len(_GRID)))
    for column, item in enumerate(ITEMS):
        gain = item.gain * effect.clinical
        if item.cause != "invasiveness" or gain == 0.0:
            continue
        latent = latents.clinical[:, column]
        missing = is_missing(item, latent, latents.absence[:, column])
        if item.scale == "categorical":
            categories = to_units(item, latent).astype(np.int64)
            tables += np.where(missing[:, None], 0.0, _log_category(item, gain)[categories])
        else:
            slope += np.where(missing, 0.0, _gaussian_slope(gain) * latent)
            precision += np.where(missing, 0.0, gain**2)
            if item.missing_slope != 0.0:
                tables += np.where(missing[:, None], _log_missing(item, gain), 0.0)
    return tables + np.outer(slope, _GRID) - 0.5 * np.outer(precision, _GRID**2)


def _gaussian_slope(gain: float) -> float:
    """Factor of ``latent * r`` in the log density of ``N(s r, 1 - s^2)``, ``s`` being the gain's correlation."""
    return gain * math.sqrt(1.0 + gain**2)


def _log_category(item: Item, gain: float) -> NDArray[np.float64]:
    """Log probability of each category given ``r``, ``(categories, grid)``."""
    return np.log(_intervals(cuts(item), correlation(gain) * _GRID, math.sqrt(1.0 - correlation(gain) ** 2)))


def _log_missing(item: Item, gain: float) -> NDArray[np.float64]:
    """Log probability that a numeric item is missing given ``r``, ``(grid,)``."""
    rho = correlation(gain)
    spread = math.sqrt(1.0 + item.missing_slope**2 * (1.0 - rho**2))
    missing: NDArray[np.float64] = _intervals((absence_cut(item),), item.missing_slope * rho * _GRID, spread)[1]
    return np.log(missing)


def _invasiveness_in_class(effect: Effect) -> NDArray[np.float64]:
    """Density of ``r`` in each class on the grid, ``(grid, classes)``; each column sums to one."""
    prior = np.exp(-0.5 * _GRID**2)
    joint = _intervals(grade_cuts(effect.pathology), _GRID, effect.pathology).T * prior[:, None]
    density: NDArray[np.float64] = joint / joint.sum(axis=0)
    return density


def grade_cuts(pathology: float) -> tuple[float, ...]:
    """Where the invasiveness plus the noise of the pathologist's sampling is cut into grades, in the population.

    Args:
        pathology: standard deviation of that noise.
    """
    spread = math.sqrt(1.0 + pathology**2)
    shares = accumulate(CLASS_COUNTS[:-1])
    return tuple(spread * _NORMAL.inv_cdf(share / sum(CLASS_COUNTS)) for share in shares)


def _intervals(edges: Sequence[float], means: NDArray[np.float64], spread: float) -> NDArray[np.float64]:
    """Probability that ``N(mean, spread^2)`` falls between the edges, ``(edges + 1, means)``; never quite 0."""
    below = np.array([[_NORMAL.cdf((edge - mean) / spread) for mean in means] for edge in edges])
    zero, one = np.zeros((1, len(means))), np.ones((1, len(means)))
    inside = np.diff(np.concatenate([zero, below, one]), axis=0)
    probability: NDArray[np.float64] = np.maximum(inside, np.finfo(np.float64).tiny)
    return probability
