"""Running or tuning one entry of a benchmark, and the events that report it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from xdistill.bench.load import Benchmark
from xdistill.crossval.events import CohortReady, Event, RunFinished
from xdistill.recipe.loaded import LoadedRecipe

if TYPE_CHECKING:
    from xdistill.plugin import Catalog

STUDIES: Final = Path("tune")


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


def is_tuned(benchmark: Benchmark, loaded: LoadedRecipe) -> bool:
    """Whether an entry is tuned: the benchmark sets `trials`, and the recipe has a search space."""
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
    from xdistill.tuning.run import tune
    from xdistill.tuning.study import Options

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
