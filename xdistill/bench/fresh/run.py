"""Running a benchmark on generated cohorts, several cohorts at a time. Yields events and never prints."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xdistill.bench.fresh.job import JOB_FUNCTION, CohortFinished
from xdistill.bench.fresh.plan import FreshPlan, Unit
from xdistill.bench.fresh.precision import wanted_cohorts
from xdistill.bench.fresh.results import Found, results_in
from xdistill.bench.fresh.scores import take_over
from xdistill.bench.load import Benchmark
from xdistill.errors import XdistillError
from xdistill.interfaces.executor import Job

if TYPE_CHECKING:
    from xdistill.plugin import Catalog


def run_fresh(
    benchmark: Benchmark,
    catalog: Catalog,
    *,
    folder: Path,
    only: Sequence[str] = (),
    flags: Mapping[str, Any] | None = None,
    record: Path | None = None,
) -> Generator[CohortFinished, None, None]:
    """Train and test every entry on every cohort; what has a result already is not trained again.

    With `half_width` this goes in rounds: each trains what the results so far ask for.

    Args:
        benchmark: with a `fresh_test`.
        catalog: what recipes may name.
        folder: of the benchmark's results.
        only: entries to run, and with `half_width` the reference as well; none: all.
        flags: last changes of every recipe, such as the executor.
        record: scores of all cohorts, made elsewhere; what it holds counts as finished.

    Yields:
        `CohortFinished` for each cohort that has something to train.

    Raises:
        RecipeError: before anything is trained, if ``only`` or a recipe is invalid.
        RunError: when the record is damaged, or of other recipes or cohorts.
        UserError: when the data set cannot be generated, or the executor cannot run.
    """
    for name in only:
        benchmark.entry(name)
    plan = FreshPlan(benchmark, catalog, flags)
    entries = _chosen(plan, only)
    if record is not None:
        take_over(plan, record, folder)
    tried: set[tuple[str, str]] = set()
    while missing := dict(_missing(plan, entries, folder, tried)):
        yield from train_cohorts(plan, missing, folder)


def _chosen(plan: FreshPlan, only: Sequence[str]) -> list[str]:
    """The entries to run; with `half_width` always the reference too, since the gains are over it."""
    chosen = {*only, plan.benchmark.file.reference} if only and plan.fresh.half_width is not None else set(only)
    return [entry for entry in plan.experiments if not chosen or entry in chosen]


def _missing(
    plan: FreshPlan, entries: Sequence[str], folder: Path, tried: set[tuple[str, str]]
) -> Iterator[tuple[str, list[str]]]:
    """What has no result and was not tried yet, by cohort; all of it is noted as tried."""
    found = results_in(plan, folder, with_code=True)
    wanted = {
        name: wanted_cohorts(plan.benchmark, found[name], len(cell), _failed(cell, found[name], tried))
        for name, cell in plan.cells.items()
    }
    for unit in plan.units:
        missing = [
            entry
            for entry in entries
            if unit.number < wanted[unit.cell][entry]
            and unit.number not in found[unit.cell][entry]
            and (unit.name, entry) not in tried
        ]
        if missing:
            tried.update((unit.name, entry) for entry in missing)
            yield unit.name, missing


def _failed(cell: Sequence[Unit], found: Found, tried: set[tuple[str, str]]) -> dict[str, int]:
    """The number of cohorts by entry that were tried and have no result."""
    return {
        entry: sum((unit.name, entry) in tried and unit.number not in results for unit in cell)
        for entry, results in found.items()
    }


def train_cohorts(
    plan: FreshPlan, entries: Mapping[str, Sequence[str]], folder: Path
) -> Generator[CohortFinished, None, None]:
    """Train and test entries on cohorts, several cohorts at a time.

    Args:
        plan: of the benchmark.
        entries: to train, by the name of the cohort.
        folder: of the results.

    Yields:
        `CohortFinished` for each cohort.
    """
    jobs = [_job(plan, name, names, folder) for name, names in entries.items()]
    executor = next(iter(plan.experiments.values())).executor.build()
    executor.check()
    with closing(executor.run(JOB_FUNCTION, jobs)) as events:  # type: ignore[type-var]
        for event in events:
            if event.kind == "failed":
                if not isinstance(event.value, XdistillError):
                    raise event.value
                yield CohortFinished(event.job, 0, {"": str(event.value)}, 0.0)
            elif event.kind == "event":
                yield event.value


def _job(plan: FreshPlan, name: str, entries: Sequence[str], folder: Path) -> Job:
    from xdistill.crossval.worker_checks import driver_facts

    components = frozenset().union(*(experiment.components for experiment in plan.experiments.values()))
    threads = max(experiment.recipe.compute.threads for experiment in plan.experiments.values())
    return Job(
        name=name,
        payload={
            "file": str(plan.benchmark.path.resolve()),
            "unit": name,
            "entries": list(entries),
            "flags": plan.flags,
            "folder": str(folder.resolve()),
            "driver": driver_facts(components, plan.catalog),
        },
        cpus=threads,
    )
