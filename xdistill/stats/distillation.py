"""Figures of distillation itself: how much of the teacher's lead the student closed, and how often they agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from xdistill.errors import UserError
from xdistill.stats.areas import Floats
from xdistill.stats.bootstrap import LEVEL, RESAMPLES, Interval, check_request, observed_scores, resampled_scores
from xdistill.stats.methods import Method, align
from xdistill.stats.metrics import LOWER_IS_BETTER, Summary
from xdistill.stats.predictions import FoldPredictions, Predictions


@dataclass(frozen=True)
class GapClosed:
    """The share of the teacher's lead over the student alone that distillation closed.

    Attributes:
        share: (distilled - alone) / (teacher - alone); 1 is the teacher's score, 0 no gain, below 0 a loss. None where
            the gap cannot be distinguished from zero.
        gain: distilled - alone, in the metric's unit; of an error the other way round, so that above 0 is better.
        gap: teacher - alone, likewise.
        reason: why there is no share; empty otherwise.
    """

    share: Interval | None
    gain: Interval
    gap: Interval
    reason: str = ""


def gap_closed(
    distilled: Method,
    alone: Method,
    teacher: Method,
    *,
    metric: str = "auc_ovo",
    patients: Mapping[str, str] | None = None,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> GapClosed:
    """Share of the teacher-student gap that is closed, with a paired bootstrap interval of the ratio.

    A ratio whose denominator may be zero has no bounded interval (Fieller 1954), and its estimate may be anything. So
    when the interval of the gap reaches down to zero there is no share: gain and gap speak for themselves. Otherwise at
    most a fraction (1 - level) / 2 of the resamples has no gap; they count as infinite shares of their gain's sign.

    Raises:
        UserError: when the three cannot be compared (see `align`), or the metric or level is unknown.
    """
    options: dict[str, Any] = {"patients": patients, "resamples": resamples, "level": level, "seed": seed}
    (found,) = gaps_closed((distilled,), alone, teacher, metric=metric, **options)
    return found


def gaps_closed(
    distilled: Sequence[Method],
    alone: Method,
    teacher: Method,
    *,
    metric: str = "auc_ovo",
    patients: Mapping[str, str] | None = None,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> tuple[GapClosed, ...]:
    """The same for several methods, whose student alone and teacher are resampled once; see `gap_closed`."""
    check_request((metric,), level, resamples)
    folds = align((*distilled, alone, teacher))
    sign = -1 if metric in LOWER_IS_BETTER else 1
    scores = sign * observed_scores(folds, metric).mean(axis=1)
    resampled = sign * resampled_scores(folds, (metric,), patients=patients, resamples=resamples, seed=seed)[metric]
    return tuple(
        _gap_closed(scores[[place, -2, -1]], resampled[[place, -2, -1]], level) for place in range(len(distilled))
    )


def _gap_closed(scores: Floats, resampled: Floats, level: float) -> GapClosed:
    """Of scores ``(3,)`` and ``(3, resamples)``: distilled, alone, teacher."""
    gain = Interval.of(scores[0] - scores[1], resampled[0] - resampled[1], level)
    gap = Interval.of(scores[2] - scores[1], resampled[2] - resampled[1], level)
    if gap.estimate <= 0:
        return GapClosed(None, gain, gap, "the teacher is not better than the student alone: there is no gap to close")
    if gap.low <= 0:
        reason = f"the gap cannot be distinguished from zero ({level:.0%} interval {gap.low:.3f} to {gap.high:.3f})"
        return GapClosed(None, gain, gap, reason)
    return GapClosed(_share_interval(gain, gap, resampled, level), gain, gap)


def _share_interval(gain: Interval, gap: Interval, resampled: Floats, level: float) -> Interval:
    gains, gaps = resampled[0] - resampled[1], resampled[2] - resampled[1]
    ratios = np.copysign(np.inf, gains)
    np.divide(gains, gaps, out=ratios, where=gaps > 0)
    # Order statistics: between a number and infinity nothing can be interpolated.
    low = np.quantile(ratios, (1 - level) / 2, method="higher")
    high = np.quantile(ratios, (1 + level) / 2, method="lower")
    return Interval(gain.estimate / gap.estimate, float(low), float(high), level)


def agreement(seeds: Sequence[Predictions], *, student: str = "student", teacher: str = "teacher") -> Summary:
    """Share of test subjects whom teacher and student give the same class, over folds; 0 to 1.

    Args:
        seeds: predictions of one recipe on the same splits, one per seed; averaged within a split.
        student: name of the student's role.
        teacher: name of the teacher's role.

    Raises:
        UserError: when a role is missing, or the two do not score the same folds and subjects.
    """
    if not seeds:
        raise UserError("there are no predictions, so the agreement of teacher and student is unknown")
    tables = [_agreement_by_split(predictions, student, teacher) for predictions in seeds]
    if any(table.keys() != tables[0].keys() for table in tables):
        raise UserError("the seeds of a method have different folds, so their agreement cannot be averaged")
    return Summary.of([float(np.mean([table[key] for table in tables])) for key in sorted(tables[0])])


def _agreement_by_split(predictions: Predictions, student: str, teacher: str) -> dict[tuple[int, int], float]:
    sides = {role: {(fold.repeat, fold.fold): fold for fold in predictions.of(role)} for role in (student, teacher)}
    for role, table in sides.items():
        if not table:
            raise UserError(
                f"there are no predictions of the {role}, so the agreement of teacher and student is unknown"
            )
    if sides[student].keys() != sides[teacher].keys():
        raise UserError(f"the {student} and the {teacher} do not score the same folds")
    return {key: _agree(sides[student][key], sides[teacher][key]) for key in sides[student]}


def _agree(ours: FoldPredictions, theirs: FoldPredictions) -> float:
    top = dict(zip(theirs.subjects, theirs.probabilities.argmax(axis=1), strict=True))
    if not top.keys() <= set(ours.subjects):
        raise UserError(f"repeat {ours.repeat}, fold {ours.fold}: {ours.role} and {theirs.role} score other subjects")
    chosen = zip(ours.subjects, ours.probabilities.argmax(axis=1), strict=True)
    # A teacher need not score subjects who lack what it reads.
    return float(np.mean([top[subject] == label for subject, label in chosen if subject in top]))
