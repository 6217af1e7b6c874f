"""The Python interface; the command line is a thin layer over it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xdistill.errors import RecipeError, UserError
from xdistill.recipe.load import load_recipe
from xdistill.recipe.schema.recipe import CONTROLS
from xdistill.recipe.suggest import did_you_mean
from xdistill.report.on_request import Figures
from xdistill.runs import Run
from xdistill.runs import load_run as _load_run
from xdistill.runs.files import read_json

if TYPE_CHECKING:
    from xdistill.crossval.events import Event
    from xdistill.data import Cohort
    from xdistill.recipe.loaded import LoadedRecipe
    from xdistill.recipe.schema.recipe import Recipe
    from xdistill.stats import MetricFunction

__all__ = [
    "ControlledRun",
    "Figures",
    "FinishedRun",
    "TunedRecipe",
    "load_recipe",
    "load_run",
    "run",
    "run_with_controls",
    "tune",
]


@dataclass(frozen=True)
class FinishedRun(Run):
    """A finished run: ``predictions``, ``metrics``, ``summary``, ``history``, and ``figures``."""

    cohort: Cohort | None = None

    @cached_property
    def figures(self) -> Figures:
        """The figures of the report."""
        return Figures(self, self.cohort)

    def write_report(self, *, show_subjects: bool = False) -> Path:
        """Write ``report.html`` into the run's folder and return its path."""
        from xdistill.report import write_report

        return write_report(self, cohort=self.cohort, show_subjects=show_subjects)


def run(
    recipe: LoadedRecipe | Recipe | Mapping[str, Any] | str | Path,
    *,
    profile: str | None = None,
    overrides: Sequence[str] | Mapping[str, Any] = (),
    runs: Path | str = "runs",
    cache: Path | str | None = None,
    fresh: bool = False,
    control: str | None = None,
    on_event: Callable[[Event], None] | None = None,
) -> FinishedRun:
    """Run a recipe and return its results; a run that was interrupted goes on where it stopped.

    Args:
        recipe: a file, the name of a bundled recipe, what `load_recipe` returned, or plain data.
        profile: the profile to lay over it.
        overrides: last changes, as ``["a.b=c"]`` or ``{"a.b": c}``.
        runs: folder of all runs.
        cache: folder of the cohort caches; None: the user's cache folder.
        fresh: start anew even where there is something to go on from.
        control: run this null control in place of the recipe, such as ``"shuffled_privileged"``.
        on_event: called with every event of the engine, for progress.

    Raises:
        XdistillError: with a message made to be read; what is finished by then is kept.
    """
    from xdistill.crossval.events import CohortReady, RunFinished
    from xdistill.crossval.execute import execute
    from xdistill.experiment.assemble import read_recipe
    from xdistill.plugin import load_catalog

    overrides = _with_control(overrides, control)
    loaded = read_recipe(recipe, profile=profile, overrides=overrides, catalog=load_catalog)
    found: dict[type[Event], Event] = {}
    events = execute(
        loaded,
        load_catalog(),
        runs=Path(runs),
        cache=None if cache is None else Path(cache),
        fresh=fresh,
    )
    with closing(events):  # whatever the listener raises, no worker outlives this call
        for event in events:
            found[type(event)] = event
            if on_event is not None:
                on_event(event)
    finished, ready = found[RunFinished], found[CohortReady]
    assert isinstance(finished, RunFinished)  # noqa: S101 - by its key
    assert isinstance(ready, CohortReady)  # noqa: S101 - by its key
    result = load_run(finished.path, cohort=ready.path)
    result.write_report()
    return result


@dataclass(frozen=True)
class ControlledRun:
    """A recipe and its null controls, finished.

    Attributes:
        run: of the recipe; its report states the gain over the best control.
        controls: by name.
        refused: why a control makes no sense for this recipe, by name.
    """

    run: FinishedRun
    controls: Mapping[str, FinishedRun]
    refused: Mapping[str, str]


def run_with_controls(recipe: LoadedRecipe | Recipe | Mapping[str, Any] | str | Path, **options: Any) -> ControlledRun:
    """Run a recipe, then each null control of it, and state in its report what it gains over the best of them.

    Args:
        recipe: as for `run`.
        options: as for `run`, but for ``control``.

    Raises:
        XdistillError: as `run`; also for a recipe without a teacher, which has no controls.
    """
    from xdistill.experiment.assemble import read_recipe
    from xdistill.plugin import load_catalog

    layers = {"profile": options.get("profile"), "overrides": options.get("overrides", ())}
    loaded = read_recipe(recipe, **layers, catalog=load_catalog)
    if loaded.recipe.teacher is None:  # told before anything is trained
        raise UserError(f"{loaded.recipe.name}: a control takes the place of the teacher, and this recipe has none")
    result = run(recipe, **options)
    controls: dict[str, FinishedRun] = {}
    refused: dict[str, str] = {}
    for control in CONTROLS:
        try:
            controls[control] = run(recipe, **options, control=control)
        except RecipeError as error:  # the recipe itself was accepted above
            refused[control] = "; ".join(problem.message for problem in error.problems)
    result.write_report()
    return ControlledRun(result, controls, refused)


@dataclass(frozen=True)
class TunedRecipe:
    """A finished search.

    Attributes:
        path: of the study's folder.
        recipe: the tuned recipe's file, which `run` takes.
        run: of a nested search, the finished run whose folds were trained with what their searches chose; None for a
            flat search.
        record: what the search came to, as plain data; of a flat search optimistic.
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
    **options: Any,
) -> TunedRecipe:
    """Search for better settings, as the recipe's `tune` says; a search that was interrupted goes on where it stopped.

    Args:
        recipe: as for `run`.
        profile: as for `run`.
        overrides: as for `run`.
        runs: as for `run`.
        cache: as for `run`.
        on_event: as for `run`.
        options: the fields of `xdistill.tune.study.Options`: ``studies``, ``storage``, ``name``, ``workers``, ``flat``.

    Raises:
        XdistillError: as `run`; also for a space or a storage that is at fault.
    """
    from importlib.util import find_spec

    if find_spec("optuna") is None:
        raise UserError("a search needs Optuna, which is not installed; give `pip install 'xdistill[tune]'`")
    from xdistill.crossval.events import CohortReady
    from xdistill.data import open_cohort
    from xdistill.experiment.assemble import read_recipe
    from xdistill.plugin import load_catalog
    from xdistill.report import write_report
    from xdistill.tune.events import StudyFinished
    from xdistill.tune.run import TUNED, tune
    from xdistill.tune.study import Options

    loaded = read_recipe(recipe, profile=profile, overrides=overrides, catalog=load_catalog)
    found: dict[type[Event], Any] = {}
    if "studies" in options:
        options["studies"] = Path(options["studies"])
    search = tune(
        loaded,
        load_catalog(),
        runs=Path(runs),
        cache=None if cache is None else Path(cache),
        options=Options(**options),
    )
    with closing(search) as events:
        for event in events:
            found[type(event)] = event
            if on_event is not None:
                on_event(event)
    ended: StudyFinished = found[StudyFinished]
    folder = Path(ended.path)
    finished = load_run(ended.run, cohort=found[CohortReady].path) if ended.run else None
    if finished is not None:
        write_report(finished, cohort=open_cohort(Path(found[CohortReady].path)))
    return TunedRecipe(folder, folder / TUNED, finished, read_json(folder / "study.json"))


def _with_control(
    overrides: Sequence[str] | Mapping[str, Any], control: str | None
) -> Sequence[str] | Mapping[str, Any]:
    """The overrides with the control among them.

    Raises:
        UserError: when there is no control of this name.
    """
    if control is None:
        return overrides
    if control not in CONTROLS:
        raise UserError(f"there is no control {control!r}{did_you_mean(control, CONTROLS)}")
    return {**overrides, "control": control} if isinstance(overrides, Mapping) else [*overrides, f"control={control}"]


def load_run(path: Path | str, *, cohort: Path | str | None = None) -> FinishedRun:
    """The finished run in a folder.

    Args:
        path: the run's folder.
        cohort: its cohort cache, for pictures of volumes; None: without.

    Raises:
        RunError: when there is none, when it is not finished, or when its format is another one.
    """
    from xdistill.data import open_cohort

    found = _load_run(path)
    extra = _extra_metrics(found.record["recipe"].get("metrics") or ())
    return FinishedRun(found.path, found.record, extra, None if cohort is None else open_cohort(Path(cohort)))


def _extra_metrics(blocks: Sequence[Mapping[str, Any]]) -> dict[str, MetricFunction]:
    """The plugins' metrics that the recipe asks for; the plugins are only loaded when it does."""
    if not blocks:
        return {}
    from xdistill.interfaces.component import choose
    from xdistill.interfaces.metric import Metric
    from xdistill.plugin import load_catalog

    catalog = load_catalog()
    return {str(block["use"]): choose(Metric, block, catalog).build() for block in blocks}
