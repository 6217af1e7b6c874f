"""From results to a table: the mean gain over the reference by paired t over cohorts, Holm over all comparisons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from xdistill.bench.fresh.plan import FreshPlan, Unit
from xdistill.bench.fresh.precision import differences, wanted_cohorts
from xdistill.bench.fresh.results import Found
from xdistill.bench.load import Benchmark
from xdistill.errors import UserError
from xdistill.stats import holm
from xdistill.stats.independent import PairedDifference, paired_difference


@dataclass(frozen=True)
class Gain:
    """One entry on the cohorts of one value and number of training subjects.

    Attributes:
        entry: its name.
        title: what tables call it.
        value: of the setting that varies; empty when none does.
        train: number of training subjects.
        cohorts: number of cohorts with a result.
        score: mean of the student over these cohorts.
        sd: standard deviation over these cohorts (ddof 1).
        teacher: mean score of the teacher; None without one.
        difference: entry - reference over the cohorts where both have a result; None for the reference.
        p_holm: its p-value adjusted over all comparisons of the table; None for the reference.
        share: of the oracle's gain, where that is above zero with its whole interval; None elsewhere.
        seconds: of training, mean.
    """

    entry: str
    title: str
    value: str
    train: int
    cohorts: int
    score: float
    sd: float
    teacher: float | None
    difference: PairedDifference | None
    p_holm: float | None
    share: float | None
    seconds: float


@dataclass(frozen=True)
class GainTable:
    """A whole table.

    Attributes:
        name: of the benchmark.
        title: of the benchmark.
        description: free text.
        metric: by which all is scored.
        reference: title of the entry that all others are compared with.
        oracle: name of the entry that is the bound; empty when there is none.
        setting: the setting that varies; empty when none does.
        test: number of test subjects of each cohort.
        truth: whether they count by the probabilities of their true classes, and not by their labels.
        comparisons: number of comparisons that Holm's procedure counts.
        half_width: of intervals, in points, at which an entry gets no more cohorts; None: a fixed number.
        wanted: number of results of the whole benchmark; with `half_width`, those that the results so far ask for.
        found: number of results that there are.
        gains: by value, number of training subjects and entry.
    """

    name: str
    title: str
    description: str
    metric: str
    reference: str
    oracle: str
    setting: str
    test: int
    truth: bool
    comparisons: int
    half_width: float | None
    wanted: int
    found: int
    gains: tuple[Gain, ...]

    @property
    def values(self) -> tuple[str, ...]:
        """The values of the setting that varies, in order."""
        return tuple(dict.fromkeys(gain.value for gain in self.gains))


def gain_table(plan: FreshPlan, found: Mapping[str, Found]) -> GainTable:
    """The table of whatever is finished.

    Args:
        plan: of a benchmark with a `fresh_test`.
        found: results of each cell, of `results_in` or `read_scores`.

    Raises:
        UserError: when there is no entry with two cohorts to compare.
    """
    benchmark = plan.benchmark
    order = sorted(plan.cells.values(), key=lambda cell: list(_values(plan)).index(cell[0].value))
    gains = [
        gain
        for cell in order
        for entry in benchmark.recipes
        if (gain := _gain(benchmark, entry, cell[0], found[cell[0].cell])) is not None
    ]
    if not gains:
        raise UserError(f"the benchmark {benchmark.name!r} has no results yet; start `xdistill bench run`")
    adjusted, count = _adjusted(gains)
    return GainTable(
        name=benchmark.name,
        title=benchmark.file.title or benchmark.name,
        description=benchmark.file.description,
        metric=benchmark.file.primary,
        reference=_title(benchmark, benchmark.file.reference),
        oracle=plan.fresh.oracle or "",
        setting=next(iter(plan.fresh.vary), ""),
        test=plan.fresh.subjects,
        truth=plan.fresh.truth is not None,
        comparisons=count,
        half_width=plan.fresh.half_width,
        wanted=sum(_wanted(benchmark, found[cell[0].cell], len(cell)) for cell in order),
        found=sum(len(results) for cell in found.values() for results in cell.values()),
        gains=tuple(_shares(adjusted, plan.fresh.oracle)),
    )


def _values(plan: FreshPlan) -> tuple[str, ...]:
    """The values of the setting that varies, in the order of the file."""
    return tuple(dict.fromkeys(unit.value for unit in plan.units))


def _wanted(benchmark: Benchmark, found: Found, limit: int) -> int:
    """The number of results that a cell should have."""
    return sum(max(number, len(found[entry])) for entry, number in wanted_cohorts(benchmark, found, limit).items())


def _title(benchmark: Benchmark, entry: str) -> str:
    return benchmark.entries[entry].title or entry


def _gain(benchmark: Benchmark, entry: str, cell: Unit, found: Found) -> Gain | None:
    results = found[entry]
    gains = differences(benchmark, entry, found)
    if len(gains) < 2:  # noqa: PLR2004 - nothing to test
        return None
    role = benchmark.entries[entry].role
    scores = np.array([one.scores[role] for one in results.values()])
    teachers = [one.scores["teacher"] for one in results.values() if "teacher" in one.scores]
    return Gain(
        entry=entry,
        title=_title(benchmark, entry),
        value=cell.value,
        train=cell.train,
        cohorts=len(results),
        score=float(scores.mean()),
        sd=float(scores.std(ddof=1)),
        teacher=float(np.mean(teachers)) if teachers else None,
        difference=None if entry == benchmark.file.reference else paired_difference(gains),
        p_holm=None,
        share=None,
        seconds=float(np.mean([one.seconds for one in results.values()])),
    )


def _adjusted(gains: Sequence[Gain]) -> tuple[list[Gain], int]:
    from dataclasses import replace

    compared = [gain.difference.p_value for gain in gains if gain.difference is not None]
    adjusted = iter(holm(compared))
    return [gain if gain.difference is None else replace(gain, p_holm=next(adjusted)) for gain in gains], len(compared)


def _shares(gains: Sequence[Gain], oracle: str | None) -> list[Gain]:
    """The gains with their shares of the oracle's gain."""
    from dataclasses import replace

    bounds = {(gain.value, gain.train): gain.difference for gain in gains if gain.entry == oracle}
    result = []
    for gain in gains:
        bound = bounds.get((gain.value, gain.train))
        known = bound is not None and bound.interval is not None and bound.interval[0] > 0
        if known and bound is not None and gain.difference is not None and gain.entry != oracle:
            gain = replace(gain, share=gain.difference.mean / bound.mean)  # noqa: PLW2901
        result.append(gain)
    return result
