"""Methods against a reference on the same splits: differences, intervals, tests.

`compare` takes predictions and gives one `Row` per method and metric. The corrected resampled t-test decides, adjusted
by Holm's procedure over the methods that are compared with the reference; the bootstrap interval says how large the
difference may be; `paper_compat` is what a paper of five folds would have printed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from xdistill.errors import UserError
from xdistill.stats.areas import Floats
from xdistill.stats.bootstrap import (
    LEVEL,
    RESAMPLES,
    Interval,
    check_request,
    observed_scores,
    resampled_scores,
)
from xdistill.stats.methods import Method, ScoredFold, align
from xdistill.stats.metrics import LOWER_IS_BETTER, Summary
from xdistill.stats.resampled import COMPARED
from xdistill.stats.significance import TTest, corrected_resampled_t, holm, mean_test_share, naive_paired_t

ALPHA = 0.05


@dataclass(frozen=True)
class Against:
    """A method compared with the reference by one metric.

    Attributes:
        reference: its name.
        difference: method - reference, mean over splits, with its bootstrap interval.
        splits: the differences themselves, by repeat and fold; seeds averaged within a split.
        test: the corrected resampled t-test over all splits.
        p_holm: its p-value, adjusted over the methods of the comparison.
        paper_compat: the naive paired t-test over the folds of the first repeat: anticonservative, decides nothing.
            None where that repeat has a single fold.
    """

    reference: str
    difference: Interval
    splits: tuple[float, ...]
    test: TTest
    p_holm: float
    paper_compat: TTest | None


@dataclass(frozen=True)
class Row:
    """One method by one metric.

    Attributes:
        method: its name.
        metric: a name out of `RESAMPLED`.
        scores: over splits, seeds averaged within a split.
        interval: of the mean score.
        against: the comparison; None for the reference itself.
    """

    method: str
    metric: str
    scores: Summary
    interval: Interval
    against: Against | None


def compare(
    methods: Sequence[Method],
    *,
    reference: str,
    metrics: Sequence[str] = COMPARED,
    patients: Mapping[str, str] | None = None,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> dict[str, tuple[Row, ...]]:
    """Compare methods with a reference method.

    Args:
        methods: with the reference among them.
        reference: name of the method that all others are compared with.
        metrics: names out of `RESAMPLED`; Holm's procedure counts the methods of one metric. The primary metric has to
            be chosen before its results are seen: over several metrics nothing is adjusted.
        patients: patient by subject; without it every subject is a patient of its own.
        resamples: of the bootstrap.
        level: of the intervals, above 0 and below 1.
        seed: of the bootstrap's draws: the same seed gives the same intervals.

    Returns:
        ``{metric: rows}``, the rows in the order of ``methods``.

    Raises:
        UserError: when the methods cannot be compared (see `align`), the reference or a metric is unknown, or there are
            fewer than two splits.
    """
    names = [method.name for method in methods]
    if reference not in names:
        raise UserError(f"the reference {reference!r} is not one of the methods ({', '.join(names)})")
    check_request(metrics, level, resamples)
    folds = align(methods)
    resampled = resampled_scores(folds, metrics, patients=patients, resamples=resamples, seed=seed)
    place = names.index(reference)
    return {
        metric: _rows(names, folds, metric=metric, reference=place, resampled=resampled[metric], level=level)
        for metric in metrics
    }


def is_significant(row: Row, alpha: float = ALPHA) -> bool:
    """Whether the method differs from the reference: Holm-adjusted p below alpha."""
    return row.against is not None and row.against.p_holm < alpha


def is_bold(row: Row, alpha: float = ALPHA) -> bool:
    """Whether a table may print the method in bold: better than the reference, Holm-adjusted p below alpha.

    The reference itself never is: it is not compared with anything.
    """
    if row.against is None or not is_significant(row, alpha):
        return False
    gain = -row.against.difference.estimate if row.metric in LOWER_IS_BETTER else row.against.difference.estimate
    return gain > 0


def _rows(
    names: Sequence[str],
    folds: Sequence[ScoredFold],
    *,
    metric: str,
    reference: int,
    resampled: Floats,
    level: float,
) -> tuple[Row, ...]:
    scores = observed_scores(folds, metric)
    differences = scores - scores[reference]
    others = [index for index in range(len(names)) if index != reference]
    share = mean_test_share([len(fold.subjects) for fold in folds], [fold.train_size for fold in folds])
    tests = {index: corrected_resampled_t(differences[index].tolist(), share) for index in others}
    adjusted = dict(zip(others, holm([tests[index].p_value for index in others]), strict=True))
    first_repeat = [fold.repeat == folds[0].repeat for fold in folds]
    return tuple(
        Row(
            method=name,
            metric=metric,
            scores=Summary.of(scores[index].tolist()),
            interval=Interval.of(scores[index].mean(), resampled[index], level),
            against=None
            if index == reference
            else Against(
                reference=names[reference],
                difference=Interval.of(differences[index].mean(), resampled[index] - resampled[reference], level),
                splits=tuple(differences[index].tolist()),
                test=tests[index],
                p_holm=adjusted[index],
                paper_compat=paper_compat(differences[index][np.array(first_repeat)].tolist()),
            ),
        )
        for index, name in enumerate(names)
    )


def paper_compat(differences: Sequence[float]) -> TTest | None:
    """The naive paired t-test over the folds of one repeat, as papers print it; None for a single fold.

    Anticonservative: see `naive_paired_t`.
    """
    return naive_paired_t(differences) if len(differences) > 1 else None
