"""Stratified, patient-level, paired bootstrap (Efron and Tibshirani 1993) of metrics that are means over test folds.

Patients are drawn, with all of their subjects, from the patients of the same class in the same test fold; all methods
get the same draw; a metric is computed per fold and averaged over folds. A cohort that every repeat splits differently
is still one cohort: a patient has the same multiplicity in all repeats. Independent draws in each repeat would treat
the repeats as further cohorts and make the intervals too narrow by about the square root of their number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from xdistill.errors import UserError
from xdistill.stats.areas import Counts, Floats
from xdistill.stats.methods import ScoredFold
from xdistill.stats.resampled import RESAMPLED_ALL, resampled_metric

RESAMPLES = 2000
LEVEL = 0.95
CHUNK = 1_000_000  # multiplicities held at once


@dataclass(frozen=True)
class Interval:
    """An estimate with its percentile bootstrap interval, in the metric's unit.

    Attributes:
        estimate: of the subjects as they are.
        low: lower end.
        high: upper end.
        level: share of intervals that are to cover the truth, 0 to 1.
    """

    estimate: float
    low: float
    high: float
    level: float = LEVEL

    @classmethod
    def of(cls, estimate: float, resampled: Floats, level: float = LEVEL) -> Interval:
        """The interval of values ``(resamples,)``."""
        low, high = np.quantile(resampled, [(1 - level) / 2, (1 + level) / 2])
        return cls(float(estimate), float(low), float(high), level)


def check_request(metrics: Sequence[str], level: float, resamples: int) -> None:
    """Reject invalid arguments before anything is computed.

    Raises:
        UserError: naming the invalid metric, level or number.
    """
    for metric in metrics:
        if metric not in RESAMPLED_ALL:
            raise UserError(f"methods cannot be compared by {metric!r}; choose from {', '.join(RESAMPLED_ALL)}")
    if not 0 < level < 1:
        raise UserError(f"the level of an interval must be above 0 and below 1, such as 0.95, got {level}")
    if resamples < 1:
        raise UserError(f"the number of resamples must be at least 1, got {resamples}")


def observed_scores(folds: Sequence[ScoredFold], metric: str) -> Floats:
    """A metric of every method on every split, averaged over a method's seeds: ``(methods, splits)``."""
    return np.stack([_fold_scores(fold, np.ones((len(fold.subjects), 1)), metric)[:, 0] for fold in folds], axis=1)


def resampled_scores(
    folds: Sequence[ScoredFold],
    metrics: Sequence[str],
    *,
    patients: Mapping[str, str] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Floats]:
    """The mean over test folds of each metric, in every resample of the patients.

    Args:
        folds: of all methods, see `align`.
        metrics: names out of `RESAMPLED_ALL`.
        patients: patient by subject; without it every subject is a patient of its own.
        resamples: how many.
        seed: of the draws.

    Returns:
        By metric ``(methods, resamples)``; differences of its rows are paired. In a resample in which a later repeat's
        fold draws no subject of a class, that fold is left out of the mean; folds of the first repeat always have all.

    Raises:
        UserError: for an unknown metric, no resamples, or a subject whose patient is not known.
    """
    check_request(metrics, LEVEL, resamples)
    generator = np.random.default_rng(seed)
    subjects = len({subject for fold in folds for subject in fold.subjects})
    size = max(1, min(resamples, CHUNK // subjects))
    parts: dict[str, list[Floats]] = {metric: [] for metric in metrics}
    for start in range(0, resamples, size):
        draws = list(draw(folds, min(size, resamples - start), generator, patients))
        for metric in metrics:
            parts[metric].append(_mean_over_folds(folds, draws, metric))
    return {metric: np.concatenate(values, axis=1) for metric, values in parts.items()}


def draw(
    folds: Sequence[ScoredFold], resamples: int, generator: np.random.Generator, patients: Mapping[str, str] | None
) -> Iterator[Counts]:
    """How often each subject is drawn: for every fold ``(subjects, resamples)``.

    A patient is drawn in the first fold that tests it, within the patients there that are in the same strata, as many
    as there are; further folds see the same number.
    """
    drawn: dict[str, Counts] = {}
    for fold in folds:
        names = [_patient_of(subject, patients) for subject in fold.subjects]
        for members in _strata(fold, names, drawn):
            drawn.update(zip(members, _multiplicities(len(members), resamples, generator), strict=True))
        yield np.stack([drawn[name] for name in names])


def _patient_of(subject: str, patients: Mapping[str, str] | None) -> str:
    if patients is None:
        return subject
    try:
        return patients[subject]
    except KeyError:
        raise UserError(f"the patient of subject {subject!r} is not known, so patients cannot be resampled") from None


def _strata(fold: ScoredFold, names: Sequence[str], drawn: Mapping[str, Counts]) -> Iterator[list[str]]:
    """Patients who are not drawn yet, by the strata of their subjects in this fold."""
    of_patient: dict[str, set[int]] = {}
    labels_of_fold = np.zeros(len(names), np.int64) if fold.strata is None else fold.strata
    for name, label in zip(names, labels_of_fold, strict=True):
        if name not in drawn:
            of_patient.setdefault(name, set()).add(int(label))
    strata: dict[tuple[int, ...], list[str]] = {}
    for name, labels in of_patient.items():
        strata.setdefault(tuple(sorted(labels)), []).append(name)
    for key in sorted(strata):
        yield strata[key]


def _multiplicities(members: int, resamples: int, generator: np.random.Generator) -> Counts:
    """Draw as many as there are, with replacement, in every resample: ``(members, resamples)``."""
    chosen = generator.integers(0, members, (members, resamples))
    places = chosen * resamples + np.arange(resamples)
    return np.bincount(places.ravel(), minlength=members * resamples).reshape(members, resamples).astype(np.float64)


def _mean_over_folds(folds: Sequence[ScoredFold], draws: Sequence[Counts], metric: str) -> Floats:
    total = np.zeros((len(folds[0].probabilities), draws[0].shape[1]))
    used = np.zeros(draws[0].shape[1])
    for fold, counts in zip(folds, draws, strict=True):
        scores = _fold_scores(fold, counts, metric)
        there = ~np.isnan(scores[0])  # which resamples miss a class is the same for all methods
        total += np.where(there, scores, 0.0)
        used += there
    return total / used


def _fold_scores(fold: ScoredFold, counts: Counts, metric: str) -> Floats:
    """``(methods, resamples)``."""
    compute = resampled_metric(metric, fold.names)
    return np.stack(
        [np.mean([compute(fold.target, seed, counts) for seed in method], axis=0) for method in fold.probabilities]
    )
