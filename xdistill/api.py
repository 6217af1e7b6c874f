"""The Python interface. The command line is a thin layer over it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xdistill.errors import RecipeError, UserError
from xdistill.recipe.load import load_recipe
from xdistill.recipe.schema.recipe import CONTROLS
from xdistill.report.on_request import Figures
from xdistill.runs import Run, read_record
from xdistill.runs import load_run as _load_run
from xdistill.runs.files import read_json
from xdistill.suggest import did_you_mean

if TYPE_CHECKING:
    from xdistill.crossval.events import Event
    from xdistill.data import Cohort
    from xdistill.diagnosis import Diagnosis
    from xdistill.models.model import StudentModel
    from xdistill.plugin import Catalog
    from xdistill.recipe.loaded import LoadedRecipe
    from xdistill.recipe.schema.recipe import Recipe
    from xdistill.stats import MetricFunction

__all__ = [
    "ControlledRun",
    "Figures",
    "FinishedRun",
    "TunedRecipe",
    "catalog",
    "diagnose",
    "fit",
    "load_model",
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
    plugins: Sequence[Path | str] = (),
) -> FinishedRun:
    """Run a recipe and return its results; an interrupted run is resumed.

    Args:
        recipe: a file, the name of a bundled recipe, what `load_recipe` returned, or plain data.
        profile: the profile to lay over it.
        overrides: last changes, as ``["a.b=c"]`` or ``{"a.b": c}``.
        runs: folder of all runs.
        cache: folder of the cohort caches; None: the user's cache folder.
        fresh: discard earlier results of this run.
        control: run this null control in place of the recipe, such as ``"shuffled_privileged"``.
        on_event: called with every event of the run, for progress.
        plugins: Python files with plugins that are not installed, as ``--plugin``; worker processes use them as well.

    Raises:
        XdistillError: with a readable message; the results so far are kept.
    """
    from xdistill.crossval.events import CohortReady, RunFinished
    from xdistill.crossval.execute import execute
    from xdistill.experiment.assemble import read_recipe
    from xdistill.plugin import load_catalog
    from xdistill.plugin.importing import selected

    overrides = _with_control(overrides, control)
    with selected(files=plugins):
        loaded = read_recipe(recipe, profile=profile, overrides=overrides, catalog=load_catalog)
        events = execute(
            loaded,
            load_catalog(),
            runs=Path(runs),
            cache=None if cache is None else Path(cache),
            fresh=fresh,
        )
        found = _last_of_each(events, on_event)
        result = load_run(found[RunFinished].path, cohort=found[CohortReady].path)
        result.write_report()
    return result


def _last_of_each(
    events: Generator[Event, None, None], on_event: Callable[[Event], None] | None
) -> dict[type[Event], Any]:
    """Pass the events on; returns the last one of each type."""
    found: dict[type[Event], Any] = {}
    with closing(events):  # if the listener raises, this ends the workers
        for event in events:
            found[type(event)] = event
            if on_event is not None:
                on_event(event)
    return found


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
    from xdistill.plugin.importing import selected

    layers = {"profile": options.get("profile"), "overrides": options.get("overrides", ())}
    with selected(files=options.get("plugins", ())):
        loaded = read_recipe(recipe, **layers, catalog=load_catalog)
    if loaded.recipe.teacher is None:  # reported before anything is trained
        raise UserError(f"{loaded.recipe.name}: a null control replaces the teacher, but the recipe has none")
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
        found = _last_of_each(search, on_event)
        ended: StudyFinished = found[StudyFinished]
        folder = Path(ended.path)
        finished = load_run(ended.run, cohort=found[CohortReady].path) if ended.run else None
        if finished is not None:
            write_report(finished, cohort=open_cohort(Path(found[CohortReady].path)))
    return TunedRecipe(folder, folder / TUNED, finished, read_json(folder / "study.json"))


def diagnose(
    recipe: LoadedRecipe | Recipe | Mapping[str, Any] | str | Path,
    *,
    quick: bool = False,
    profile: str | None = None,
    overrides: Sequence[str] | Mapping[str, Any] = (),
    runs: Path | str = "runs",
    cache: Path | str | None = None,
    on_event: Callable[[Event], None] | None = None,
    plugins: Sequence[Path | str] = (),
) -> Diagnosis:
    """Say whether distillation can help a recipe; an interrupted diagnosis is resumed.

    Args:
        recipe: as for `run`; it needs a teacher.
        quick: a quarter of the epochs and fewer folds: a rough guess.
        profile: as for `run`.
        overrides: as for `run`.
        runs: as for `run`.
        cache: as for `run`.
        on_event: as for `run`.
        plugins: as for `run`.

    Raises:
        XdistillError: as `run`; also for a recipe without a teacher.
    """
    from xdistill.diagnosis import Diagnosed
    from xdistill.diagnosis import diagnose as _diagnose
    from xdistill.experiment.assemble import read_recipe
    from xdistill.plugin import load_catalog
    from xdistill.plugin.importing import selected

    with selected(files=plugins):
        loaded = read_recipe(recipe, profile=profile, overrides=overrides, catalog=load_catalog)
        events = _diagnose(
            loaded, load_catalog(), runs=Path(runs), cache=None if cache is None else Path(cache), quick=quick
        )
        ended: Diagnosed = _last_of_each(events, on_event)[Diagnosed]
    return ended.diagnosis


def fit(
    recipe: LoadedRecipe | Recipe | Mapping[str, Any] | str | Path,
    to: Path | str,
    *,
    ensemble: bool = False,
    crossval: bool = True,
    profile: str | None = None,
    overrides: Sequence[str] | Mapping[str, Any] = (),
    runs: Path | str = "runs",
    cache: Path | str | None = None,
    on_event: Callable[[Event], None] | None = None,
    plugins: Sequence[Path | str] = (),
) -> StudentModel:
    """Cross-validate a recipe, train its student on all subjects, calibrate it, and write a model folder.

    Args:
        recipe: as for `run`; also the folder of a run, whose recipe is taken.
        to: the model folder; one that holds a model is replaced.
        ensemble: the networks of all folds as one model, in place of one that is trained on all subjects.
        crossval: False: only train on all subjects; the model is then not calibrated, and its scores are unknown.
        profile: as for `run`.
        overrides: as for `run`.
        runs: as for `run`; a finished run of the recipe is not repeated.
        cache: as for `run`.
        on_event: as for `run`.
        plugins: as for `run`.

    Returns:
        The model, as `load_model` reads it.

    Raises:
        XdistillError: nothing is written to ``to``; rerun to resume.
    """
    from xdistill.deployment.fit import ModelWritten
    from xdistill.deployment.fit import fit as _fit
    from xdistill.experiment.assemble import read_recipe
    from xdistill.plugin import load_catalog
    from xdistill.plugin.importing import selected

    with selected(files=plugins):
        loaded = read_recipe(_recipe_of(recipe), profile=profile, overrides=overrides, catalog=load_catalog)
        events = _fit(
            loaded,
            load_catalog(),
            to=Path(to),
            runs=Path(runs),
            cache=None if cache is None else Path(cache),
            ensemble=ensemble,
            crossval=crossval,
        )
        found = _last_of_each(events, on_event)
    return load_model(found[ModelWritten].path, plugins=plugins)


def load_model(
    path: Path | str,
    *,
    member: str | None = None,
    plugins: Sequence[Path | str] = (),
    cache: Path | str | None = None,
) -> StudentModel:
    """A trained student, ready to predict; see `xdistill.models.load_model`.

    Args:
        path: a model folder, or the folder of a finished run, whose folds are then an ensemble.
        member: one network alone, such as ``r0-f0``, uncalibrated. None: all of them.
        plugins: as for `run`.
        cache: folder of the cohort files, for a run; see `xdistill.models.load_model`.

    Raises:
        ModelError: for a folder that holds no model, one of another format version, a changed file, or a missing
            plugin.
    """
    from xdistill.models import load_model

    return load_model(path, member=member, plugins=plugins, cache=cache)


def _recipe_of(recipe: Any) -> Any:
    """The recipe; that of a run if its folder is given."""
    if not isinstance(recipe, (str, Path)) or not (Path(recipe) / "record.json").is_file():
        return recipe
    plain = read_record(Path(recipe) / "record.json")["recipe"]
    if plain.get("tune"):
        raise UserError(f"{recipe}: each fold of a tuned run has its own settings; fit the study's `tuned.yaml`")
    return plain


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


def catalog(*, plugins: Sequence[Path | str] = (), disabled: Sequence[str] = ()) -> Catalog:
    """The components of all installed plugins, by kind and name.

    >>> catalog().names("executor")
    ('local', 'ray')

    Args:
        plugins: Python files with plugins that are not installed, as ``--plugin``.
        disabled: plugins to leave out, by the names of their entry points, as ``--disable-plugin``.

    Raises:
        PluginError: if a plugin is invalid; the message names it.
    """
    from xdistill.plugin import load_catalog
    from xdistill.plugin.importing import selected

    with selected(files=plugins, disabled=disabled):
        return load_catalog()


def load_run(path: Path | str, *, cohort: Path | str | None = None, plugins: Sequence[Path | str] = ()) -> FinishedRun:
    """The finished run in a folder.

    Args:
        path: the run's folder.
        cohort: its cohort file, for pictures of volumes; None: without.
        plugins: as for `run`; only needed if the recipe names metrics from such a file.

    Raises:
        RunError: if there is no run, if it is not finished, or if it has an unknown format version.
    """
    from xdistill.data import open_cohort
    from xdistill.plugin.importing import selected

    found = _load_run(path)
    with selected(files=plugins):
        extra = _extra_metrics(found.record["recipe"].get("metrics") or ())
    return FinishedRun(found.path, found.record, extra, None if cohort is None else open_cohort(Path(cohort)))


def _extra_metrics(blocks: Sequence[Mapping[str, Any]]) -> dict[str, MetricFunction]:
    """The plugins' metrics that the recipe names; plugins are only loaded if there are any."""
    if not blocks:
        return {}
    from xdistill.interfaces.component import choose
    from xdistill.interfaces.metric import Metric
    from xdistill.plugin import load_catalog

    installed = load_catalog()
    return {str(block["use"]): choose(Metric, block, installed).build() for block in blocks}
