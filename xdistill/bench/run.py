"""Running a benchmark: entry after entry, seed after seed. Yields events and never prints."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xdistill.bench.entry import STUDIES, EntryFailed, EntryFinished, EntryStarted, is_tuned, run_entry
from xdistill.bench.entry_jobs import run_whole
from xdistill.bench.load import Benchmark
from xdistill.bench.recipes import entry_recipe
from xdistill.bench.run_index import KnownRun, remember
from xdistill.crossval.events import Event
from xdistill.errors import InterruptedRunError, XdistillError

if TYPE_CHECKING:
    from xdistill.plugin import Catalog


def run_benchmark(
    benchmark: Benchmark,
    catalog: Catalog,
    *,
    runs: Path,
    cache: Path | None = None,
    only: Sequence[str] = (),
    flags: Mapping[str, Any] | None = None,
    whole: bool = False,
    studies: Path = STUDIES,
) -> Generator[Event, None, None]:
    """Run the entries of a benchmark; what is finished already is found at once.

    Args:
        benchmark: the benchmark.
        catalog: what recipes may name.
        runs: folder of all runs.
        cache: folder of the cohort caches; None: the user's cache folder.
        only: entries to run; none: all. An entry that looks at another one's run means that other one.
        flags: last changes of every recipe, such as the executor.
        whole: run whole entries in parallel, instead of the folds of one after the other.
        studies: folder of the studies, for a benchmark that tunes its entries.

    Yields:
        The events of runs and searches, between `EntryStarted` and `EntryFinished` or `EntryFailed`. A
        failed entry does not keep the others from running.

    Raises:
        RecipeError: before anything is run, if ``only`` or a recipe is invalid.
    """
    plan = planned(benchmark, only)
    recipes = [entry_recipe(benchmark, entry, seed, flags=flags) for entry, seed in plan]
    if whole:
        yield from run_whole(benchmark, catalog, plan, runs=runs, cache=cache, flags=flags or {}, studies=studies)
        return
    for place, ((entry, seed), loaded) in enumerate(zip(plan, recipes, strict=True), start=1):
        yield EntryStarted(entry, seed, place, len(plan))
        try:
            path = yield from run_entry(
                loaded, catalog, runs, cache, tuned=is_tuned(benchmark, loaded), studies=studies
            )
        except InterruptedRunError:
            raise
        except XdistillError as error:
            yield EntryFailed(entry, seed, str(error))
            continue
        remember(benchmark, runs, KnownRun(entry, seed, path))
        yield EntryFinished(entry, seed, str(path))


def planned(benchmark: Benchmark, only: Sequence[str]) -> list[tuple[str, int]]:
    """Entries and seeds that are run.

    Raises:
        RecipeError: for a name that is not an entry.
    """
    chosen = {benchmark.entry(name).source for name in only} or set(benchmark.recipes)
    return [(entry, seed) for entry in benchmark.recipes if entry in chosen for seed in benchmark.file.seeds]
