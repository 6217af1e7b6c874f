"""A search so small that a trial takes a moment, and its parts in this process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tiny import joint, plan
from xdistill.crossval.events import Event
from xdistill.crossval.prepare import Prepared, prepare, ready_cohort
from xdistill.experiment.assemble import assemble
from xdistill.plugin import Catalog
from xdistill.recipe.load import as_loaded
from xdistill.recipe.loaded import LoadedRecipe
from xdistill.tuning.check import searched
from xdistill.tuning.run import _identity
from xdistill.tuning.search.variants import without_search
from xdistill.tuning.search.worker import run_trials
from xdistill.tuning.study import Options, Study, make_study

SPACE: dict[str, Any] = {
    "optimizer.lr": {"low": 1e-3, "high": 0.3, "log": True},
    "student.hidden": {"choices": [[], [4]]},
}


def recipe(tune: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """A linear student of fifty numbers, taught by one that sees the distance to the border."""
    return {
        "name": "tests/search",
        "data": {"use": "lupi", "setting": "clean_labels", "train": 40, "test": 50},
        "privileged": ["privileged"],
        "teacher": {"use": "mlp", "inputs": ["privileged"], "hidden": []},
        "student": {"use": "mlp", "inputs": ["regular"], "hidden": []},
        "stages": [joint("cross_entropy", {"use": "generalized", "imitation": 0.5}, epochs=3)],
        **plan(batch_size=32, folds=2),
        "tune": {"trials": 3, "folds": 2, "space": SPACE, **(tune or {})},
        **changes,
    }


def loaded(tune: dict[str, Any] | None = None, **changes: Any) -> LoadedRecipe:
    """The recipe, loaded."""
    return as_loaded(recipe(tune, **changes))


def exhausted(events: Any) -> Any:
    """What a generator of events returns."""
    while True:
        try:
            next(events)
        except StopIteration as end:
            return end.value


def prepared(
    given: LoadedRecipe, catalog: Catalog, cache: Path, runs: Path, also: frozenset[Any] = frozenset()
) -> Prepared:
    """The outer run; ``also`` has the components of choices."""
    experiment = assemble(without_search(given), catalog)
    cohort = exhausted(ready_cohort(experiment, cache))
    plain = searched(given).model_dump(mode="json")
    return prepare(without_search(given), experiment, catalog, cohort, runs, tune=plain, also=also)


def study(
    given: LoadedRecipe,
    catalog: Catalog,
    cache: Path,
    folder: Path,
    also: frozenset[Any] = frozenset(),
    **options: Any,
) -> Study:
    """The study of a search, in a folder."""
    outer = prepared(given, catalog, cache, folder / "runs", also)
    plain = searched(given).model_dump(mode="json")
    wanted = Options(studies=folder / "tune", **options)
    return make_study(given, outer, _identity(outer, plain, catalog, flat=wanted.flat), wanted)


def search(of: Study, name: str = "all") -> Iterator[Event]:
    """Make the trials of one search in this process."""
    of.open()
    (job, *_) = [job for job in of.jobs() if job.payload["search"] == name]
    yield from run_trials(job.payload)
