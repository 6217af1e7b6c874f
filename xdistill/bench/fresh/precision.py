"""The number of cohorts that each entry is trained on: a fixed one, or as many as a narrow interval takes.

With `half_width`, an entry whose interval is narrow enough is trained on no more cohorts, and the others go on. The
rule sees the width of an interval alone and never the gain.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

from xdistill.bench.fresh.results import Result
from xdistill.bench.load import Benchmark
from xdistill.stats.independent import paired_difference

LEAST: Final = 10
"""Number of cohorts from which a width is believed."""

Found = Mapping[str, Mapping[int, Result]]
"""Results on the cohorts of one cell, by entry and the cohort's number."""


def differences(benchmark: Benchmark, entry: str, found: Found) -> list[float]:
    """Entry - reference, over the cohorts where both have a result."""
    role, reference = benchmark.entries[entry].role, found[benchmark.file.reference]
    return [
        result.scores[role] - reference[number].scores["student"]
        for number, result in found[entry].items()
        if number in reference
    ]


def wanted_cohorts(benchmark: Benchmark, found: Found, limit: int) -> dict[str, int]:
    """The number of cohorts that each entry should have, by what is found so far.

    Args:
        benchmark: with a `fresh_test`.
        found: the results of one cell.
        limit: the cell's `cohorts`.
    """
    fresh, reference = benchmark.file.fresh_test, benchmark.file.reference
    assert fresh is not None  # noqa: S101 - the caller checks
    if fresh.half_width is None:
        return dict.fromkeys(found, limit)
    wanted = {
        entry: min(limit, cohorts_enough(differences(benchmark, entry, found), fresh.half_width / 100))
        for entry in found
        if entry != reference
    }
    return {reference: max(wanted.values(), default=limit), **wanted}


def cohorts_enough(gains: Sequence[float], half_width: float) -> int:
    """The number of cohorts that the spread of these gains asks for, at most twice as many as there are.

    Args:
        gains: one per cohort.
        half_width: of the 95 % interval, in the unit of the gains.
    """
    count = len(gains)
    if count < LEAST:
        return LEAST
    found = paired_difference(gains)
    if found.interval is None or (half := found.interval[1] - found.mean) <= half_width:
        return count
    return min(2 * count, math.ceil(count * (half / half_width) ** 2))
