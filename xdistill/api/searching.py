"""Searches for better settings of a recipe."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xdistill.api.events import last_of_each
from xdistill.api.finished import FinishedRun, load_run
from xdistill.errors import UserError
from xdistill.runs.files import read_json

if TYPE_CHECKING:
    from xdistill.crossval.events import Event
    from xdistill.recipe.loaded import LoadedRecipe
    from xdistill.recipe.schema.recipe import Recipe


@dataclass(frozen=True)
class TunedRecipe:
    """A finished search.

    Attributes:
        path: of the study's folder.
        recipe: the tuned recipe's file, which `run` takes.
        run: of a nested search, the finished run whose folds were trained with what their searches chose; None for a
            flat search.
        record: results of the search, as plain data; optimistic for a flat search.
    """

    path: Path
    recipe: Path
    run: FinishedRun | None
    record: Mapping[str, Any]


def tune(
    recipe: LoadedRecipe | Recipe | Mapping[str, Any] | str | Path,
    *,
    profile: str | None = None,
    overrides: Sequence[str] | Mapping[str, Any] = (),
    runs: Path | str = "runs",
    cache: Path | str | None = None,
    on_event: Callable[[Event], None] | None = None,
    plugins: Sequence[Path | str] = (),
    **options: Any,
) -> TunedRecipe:
    """Search the space in the recipe's `tune` for better settings; an interrupted search is resumed.

    Args:
        recipe: as for `run`.
        profile: as for `run`.
        overrides: as for `run`.
        runs: as for `run`.
        cache: as for `run`.
        on_event: as for `run`.
        plugins: as for `run`.
        options: the fields of `xdistill.tuning.study.Options`: ``studies``, ``storage``, ``name``,
            ``workers``, ``flat``.

    Raises:
        XdistillError: as `run`; also for an invalid space or storage.
    """
    from importlib.util import find_spec

    if find_spec("optuna") is None:
        raise UserError("a search needs Optuna, which is not installed; run `pip install 'xdistill[tune]'`")
    from xdistill.crossval.events import CohortReady
    from xdistill.data import open_cohort
    from xdistill.experiment.assemble import read_recipe
    from xdistill.plugin import load_catalog
    from xdistill.plugin.importing import selected
    from xdistill.report import write_report
    from xdistill.tuning.events import StudyFinished
    from xdistill.tuning.run import TUNED, tune
    from xdistill.tuning.study import Options

    if "studies" in options:
        options["studies"] = Path(options["studies"])
    with selected(files=plugins):
        loaded = read_recipe(recipe, profile=profile, overrides=overrides, catalog=load_catalog)
        search = tune(
            loaded,
            load_catalog(),
            runs=Path(runs),
            cache=None if cache is None else Path(cache),
            options=Options(**options),
        )
        found = last_of_each(search, on_event)
        ended: StudyFinished = found[StudyFinished]
        folder = Path(ended.path)
        finished = load_run(ended.run, cohort=found[CohortReady].path) if ended.run else None
        if finished is not None:
            write_report(finished, cohort=open_cohort(Path(found[CohortReady].path)))
    return TunedRecipe(folder, folder / TUNED, finished, read_json(folder / "study.json"))
