"""Metrics of survival, of many resamples of a fold at once; see `xdistill.stats.tasks.survival` for their sources.

Each is the metric of the same name in `TASK_METRICS`, of subjects that are drawn ``counts`` times, ``(subjects,
resamples)``. The probability of not being censored, and the times at which the AUC is taken, are those of the subjects
drawn. NaN where a metric is not defined for them, which depends on no prediction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xdistill.stats.areas import Counts, Floats, wins
from xdistill.stats.tasks.survival import QUANTILES, SURVIVAL, cut_points

_TIE = 1e-8  # difference of risks that count as equal, as in scikit-survival


def resampled_concordance(target: Floats, predictions: Floats, counts: Counts) -> Floats:
    """Harrell's concordance ``(resamples,)``; every pair counts by the product of both multiplicities."""
    time, event, risk = target[:, 0], target[:, 1] == 1, predictions[:, 0]
    later = (time[:, None] < time) | ((time[:, None] == time) & ~event)
    comparable = (later & event[:, None]).astype(np.float64)
    better = np.where(np.abs(risk[:, None] - risk) <= _TIE, 0.5, risk[:, None] > risk)
    won, pairs = (((comparable * each).T @ counts * counts).sum(axis=0) for each in (better, 1.0))
    return _ratio(won, pairs)


def resampled_time_dependent_auc(target: Floats, predictions: Floats, counts: Counts) -> Floats:
    """Mean cumulative/dynamic AUC ``(resamples,)`` over the quartiles of the times of the events drawn."""
    time, event, risk = target[:, 0], target[:, 1] == 1, predictions[:, 0]
    if not event.any():
        return np.full(counts.shape[1], np.nan)
    drawn = _Drawn.of(time, event, counts)
    chance = drawn.uncensored[np.searchsorted(drawn.places, time[event])]  # (events, resamples)
    weight = np.divide(counts[event], chance, out=np.zeros_like(chance), where=chance > 0)
    areas, falls, before = np.zeros(counts.shape[1]), np.zeros(counts.shape[1]), np.ones(counts.shape[1])
    for at in _quantiles(time[event], counts[event]):
        cases, controls = weight * (time[event, None] <= at), counts * (time[:, None] > at)
        pairs = cases.sum(axis=0) * controls.sum(axis=0)
        inside = pairs > 0  # subjects are left; quantiles ascend, so that one outside is the last
        survival = np.take_along_axis(drawn.survival, drawn.place_of(at)[None], axis=0)[0]
        fall = np.where(inside, before - survival, 0.0)
        before = np.where(inside, survival, before)
        areas += fall * np.where(inside, _ratio(wins(risk[event], risk, cases, controls), pairs), 0.0)
        falls += fall
    impossible = ((chance <= 0) & (counts[event] > 0)).any(axis=0)
    return np.where(impossible, np.nan, _ratio(areas, falls))


def resampled_integrated_brier(
    target: Floats, predictions: Floats, counts: Counts, names: Sequence[str] = ()
) -> Floats:
    """Integrated Brier score ``(resamples,)`` over those cut points that lie within the times drawn.

    Args:
        target: time and event ``(subjects, 2)``.
        predictions: ``(subjects, columns)``.
        counts: ``(subjects, resamples)``.
        names: of the columns; ``survival_<time>`` holds the probability of no event until then.
    """
    time, event = target[:, 0], target[:, 1] == 1
    cuts = cut_points(names)
    survival = predictions[:, [place for place, name in enumerate(names) if name.startswith(SURVIVAL)]]
    drawn = _Drawn.of(time, event, counts)
    of_subject = drawn.uncensored[np.searchsorted(drawn.places, time)]
    case_weight = np.divide(counts, of_subject, out=np.zeros_like(counts), where=of_subject > 0)
    scores, inside = np.zeros((len(cuts), counts.shape[1])), np.zeros((len(cuts), counts.shape[1]), dtype=bool)
    first, last = (np.where(counts > 0, time[:, None], empty) for empty in (np.inf, -np.inf))
    for place, (cut, chance) in enumerate(zip(cuts, survival.T, strict=True)):
        inside[place] = (first.min(axis=0) <= cut) & (cut < last.max(axis=0))
        left = np.take_along_axis(drawn.uncensored, drawn.place_of(np.full(counts.shape[1], cut))[None], axis=0)[0]
        dead = (chance**2 * (event & (time <= cut))) @ case_weight
        alive = ((1 - chance) ** 2 * (time > cut)) @ counts
        scores[place] = (dead + np.divide(alive, left, out=np.zeros_like(alive), where=left > 0)) / counts.sum(axis=0)
    steps = np.diff(cuts)[:, None] * (inside[1:] & inside[:-1])
    areas = (steps * (scores[1:] + scores[:-1]) / 2).sum(axis=0)
    return np.where(counts[event].sum(axis=0) > 0, _ratio(areas, steps.sum(axis=0)), np.nan)


@dataclass(frozen=True)
class _Drawn:
    """What Kaplan and Meier estimate from the subjects of each resample.

    Attributes:
        places: different times, ascending ``(times,)``.
        survival: probability of no event up to each ``(times, resamples)``.
        uncensored: probability of not being censored up to each; at one time, events come first.
    """

    places: Floats
    survival: Floats
    uncensored: Floats

    @classmethod
    def of(cls, time: Floats, event: NDArray[np.bool_], counts: Counts) -> _Drawn:
        places, index = np.unique(time, return_inverse=True)
        at_place = np.eye(len(places))[index.reshape(-1)].T
        happened, censored = at_place[:, event] @ counts[event], at_place[:, ~event] @ counts[~event]
        at_risk = np.cumsum((happened + censored)[::-1], axis=0)[::-1]
        return cls(places, _product(happened, at_risk), _product(censored, at_risk - happened))

    def place_of(self, at: Floats) -> NDArray[np.int64]:
        """The last of `places` that is not after a time, of each resample; the first if there is none."""
        return np.maximum(np.searchsorted(self.places, at, side="right") - 1, 0)


def _product(gone: Floats, at_risk: Floats) -> Floats:
    share = np.divide(gone, at_risk, out=np.zeros_like(gone), where=gone > 0)
    result: Floats = np.cumprod(1 - share, axis=0)
    return result


def _quantiles(times: Floats, counts: Counts) -> list[Floats]:
    """`QUANTILES` of the times drawn, each ``(resamples,)``, interpolated as numpy does; of no times the first."""
    order = np.argsort(times)
    ranks, ordered = counts[order].cumsum(axis=0), times[order]
    last = np.maximum(ranks[-1] - 1, 0)

    def at_rank(rank: Floats) -> Floats:
        found: Floats = ordered[np.minimum((ranks <= rank).sum(axis=0), len(ordered) - 1)]
        return found

    found = []
    for share in QUANTILES:
        below = np.floor(share * last)
        low, high = at_rank(below), at_rank(np.minimum(below + 1, last))
        found.append(low + (high - low) * (share * last - below))
    return found


def _ratio(part: Floats, whole: Floats) -> Floats:
    shares: Floats = np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)
    return shares
