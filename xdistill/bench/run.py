"""Running a benchmark: entry after entry, seed after seed. Yields events and never prints."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xdistill.bench.load import Benchmark
from xdistill.bench.recipes import entry_recipe
from xdistill.bench.run_index import KnownRun, remember
from xdistill.crossval.events import CohortReady, Event, RunFinished
from xdistill.errors import InterruptedRunError, XdistillError
from xdistill.recipe.loaded import LoadedRecipe

if TYPE_CHECKING:
    from xdistill.plugin import Catalog


STUDIES = Path("tune")


@dataclass(frozen=True)
class EntryStarted(Event):
    """The run of an entry begins, or is found finished.

    Attributes:
        entry: its name.
        seed: of the run.
        place: counted from 1.
        total: runs in all.
    """

    entry: str
    seed: int
    place: int
    total: int


@dataclass(frozen=True)
class EntryFinished(Event):
    """The run of an entry is finished.

    Attributes:
        entry: its name.
        seed: of the run.
        path: of the run's folder.
    """

    entry: str
    seed: int
    path: str


@dataclass(frozen=True)
class EntryFailed(Event):
    """The run of an entry failed; what it finished before is kept.

    Attributes:
        entry: its name.
        seed: of the run.
        message: what is wrong.
    """

    entry: str
    seed: int
    message: str


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
        whole: hand out whole entries, many at the same time, instead of the folds of one after the other.
        studies: folder of the studies, for a benchmark that tunes its entries.

    Yields:
        The engine's events, and those of searches, between `EntryStarted` and `EntryFinished` or `EntryFailed`. A
        failed entry does not keep the others from running.

    Raises:
        RecipeError: before anything is run, when ``only`` or a recipe is at fault.
    """
    plan = planned(benchmark, only)
    recipes = [entry_recipe(benchmark, entry, seed, flags=flags) for entry, seed in plan]
    if whole:
        from xdistill.bench.entry_jobs import run_whole

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
        RecipeError: for a name that is no entry.
    """
    chosen = {benchmark.entry(name).source for name in only} or set(benchmark.recipes)
    return [(entry, seed) for entry in benchmark.recipes if entry in chosen for seed in benchmark.file.seeds]


def is_tuned(benchmark: Benchmark, loaded: LoadedRecipe) -> bool:
    """Whether an entry is tuned: the benchmark wants it, and the recipe says what to search."""
    return benchmark.file.trials is not None and loaded.recipe.tune is not None


def run_entry(
    loaded: LoadedRecipe,
    catalog: Catalog,
    runs: Path,
    cache: Path | None,
    *,
    tuned: bool = False,
    studies: Path = STUDIES,
) -> Generator[Event, None, Path]:
    """Run or tune one recipe, and write its report; the run's folder."""
    start = _tuning(loaded, catalog, runs, cache, studies) if tuned else _running(loaded, catalog, runs, cache)
    return (yield from _followed(start))


def _running(loaded: LoadedRecipe, catalog: Catalog, runs: Path, cache: Path | None) -> Generator[Event, None, None]:
    from xdistill.crossval.execute import execute

    return execute(loaded, catalog, runs=runs, cache=cache)


def _tuning(
    loaded: LoadedRecipe, catalog: Catalog, runs: Path, cache: Path | None, studies: Path
) -> Generator[Event, None, None]:
    from xdistill.tune.run import tune
    from xdistill.tune.study import Options

    return tune(loaded, catalog, runs=runs, cache=cache, options=Options(studies=studies))


def _followed(start: Generator[Event, None, None]) -> Generator[Event, None, Path]:
    """Pass events on to their end, and see to the report; the run's folder."""
    from xdistill.data import open_cohort
    from xdistill.report import write_report
    from xdistill.runs import RunFolder, load_run

    cohort: Path | None = None
    folder: Path | None = None
    with closing(start) as events:
        for event in events:
            if isinstance(event, CohortReady):
                cohort = Path(event.path)
            elif isinstance(event, RunFinished):
                folder = Path(event.path)
            yield event
    assert folder is not None  # noqa: S101 - one of the last events of a run that raised nothing
    if not RunFolder(folder).report.is_file():
        write_report(load_run(folder), cohort=None if cohort is None else open_cohort(cohort))
    return folder
