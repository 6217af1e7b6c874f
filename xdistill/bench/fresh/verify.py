"""Whether the record of a benchmark on generated cohorts is true: its rows, and what training again leads to."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from xdistill.bench.fresh.job import CohortFinished
from xdistill.bench.fresh.plan import FreshPlan, Unit
from xdistill.bench.fresh.results import Found, Result, results_in
from xdistill.bench.fresh.run import train_cohorts

ROUNDING: Final = 1e-7  # of a score; records keep eight decimals


@dataclass(frozen=True)
class Retrained:
    """One entry that was trained again on one cohort.

    Attributes:
        cohort: its name.
        entry: its name.
        difference: the score here - that of the record.
        same_code: whether versions and source files are those of the record.
    """

    cohort: str
    entry: str
    difference: float
    same_code: bool

    @property
    def identical(self) -> bool:
        """Whether the score is the same except for the rounding of records."""
        return abs(self.difference) <= ROUNDING


def gaps(found: Mapping[str, Found]) -> Iterator[str]:
    """The entries that lack a cohort and have a later one: the training failed, or a row was removed.

    Args:
        found: results of each cell, of `read_scores`.
    """
    for cell, entries in found.items():
        for entry, results in entries.items():
            missing = sorted(set(range(max(results, default=-1))) - results.keys())
            if missing:
                numbers = ", ".join(map(str, missing))
                yield f"entry {entry!r} has no result on {cell}, cohort {numbers}, but on later ones"


def retrain(
    plan: FreshPlan,
    found: Mapping[str, Found],
    *,
    count: int,
    only: Sequence[str] = (),
    on_event: Callable[[CohortFinished], Any],
) -> list[Retrained]:
    """Train entries again on cohorts of a record; which ones is left to chance.

    Args:
        plan: of the benchmark.
        found: results of each cell, of `read_scores`.
        count: how many cohorts for each entry.
        only: entries to train; none: all.
        on_event: called with each cohort that is finished.

    Returns:
        One for each entry and cohort whose training did not fail.
    """
    chosen: dict[str, list[str]] = {}
    for entry in dict.fromkeys(only or plan.benchmark.recipes):
        for name in _some([unit.name for unit in plan.units if unit.number in found[unit.cell][entry]], count):
            chosen.setdefault(name, []).append(entry)
    with TemporaryDirectory(prefix="xdistill-replay-") as folder:
        for event in train_cohorts(plan, chosen, Path(folder)):
            on_event(event)
        here = results_in(plan, Path(folder))
    return [
        _compared(plan, unit, found[unit.cell][entry][unit.number], here[unit.cell][entry][unit.number])
        for unit in plan.units
        for entry in chosen.get(unit.name, ())
        if unit.number in here[unit.cell][entry]
    ]


def _some(names: list[str], count: int) -> list[str]:
    return random.SystemRandom().sample(names, min(count, len(names)))


def _compared(plan: FreshPlan, unit: Unit, stated: Result, here: Result) -> Retrained:
    role = plan.benchmark.entries[here.entry].role
    difference = here.scores[role] - stated.scores[role]
    return Retrained(unit.name, here.entry, difference, same_code=stated.facts["code"] == here.key)
