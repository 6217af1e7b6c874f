"""The number of cohorts that each entry is trained on: a fixed one, or as many as a narrow interval takes.

With `half_width`, an entry whose interval is narrow enough is trained on no more cohorts, and the others go on. The
rule sees the width of an interval alone and never the gain.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np

from xdistill.bench.fresh.results import Found
from xdistill.bench.fresh.schema import LEAST
from xdistill.bench.load import Benchmark
from xdistill.stats.areas import Floats
from xdistill.stats.independent import LEVEL


def differences(benchmark: Benchmark, entry: str, found: Found) -> list[float]:
    """Entry - reference, over the cohorts where both have a result."""
    reference = benchmark.file.reference
    role, other = benchmark.entries[entry].role, benchmark.entries[reference].role
    return [
        result.scores[role] - found[reference][number].scores[other]
        for number, result in found[entry].items()
        if number in found[reference]
    ]


def wanted_cohorts(
    benchmark: Benchmark, found: Found, limit: int, failed: Mapping[str, int] | None = None
) -> dict[str, int]:
    """The number of cohorts that each entry should have, by what is found so far.

    Args:
        benchmark: with a `fresh_test`.
        found: the results of one cell.
        limit: the cell's `cohorts`.
        failed: numbers of cohorts on which an entry cannot be trained, by entry; others take their place.
    """
    fresh, reference = benchmark.file.fresh_test, benchmark.file.reference
    assert fresh is not None  # noqa: S101 - the caller checks
    if fresh.half_width is None:
        return dict.fromkeys(found, limit)
    lost = Counter(failed or {})
    wanted = {}
    for entry in found:
        if entry != reference:
            enough = cohorts_enough(differences(benchmark, entry, found), fresh.half_width / 100)
            wanted[entry] = min(limit, enough + lost[entry] + lost[reference])
    return {reference: max(wanted.values(), default=limit), **wanted}


def cohorts_enough(gains: Sequence[float] | Floats, half_width: float) -> int:
    """The number of cohorts that the spread of these gains asks for, at most twice as many as there are.

    Args:
        gains: one per cohort.
        half_width: of the interval, in the unit of the gains.
    """
    count = len(gains)
    if count < LEAST:
        return LEAST
    half = _quantile(count) * float(np.std(gains, ddof=1)) / math.sqrt(count)
    if half <= half_width:
        return count
    return min(2 * count, math.ceil(count * (half / half_width) ** 2))


@cache
def _quantile(count: int) -> float:
    from scipy.stats import t

    return float(t.ppf((1 + LEVEL) / 2, count - 1))
