"""Runs of recipes, alone and with their null controls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xdistill.api.events import last_of_each
from xdistill.api.finished import FinishedRun, load_run
from xdistill.errors import RecipeError, UserError
from xdistill.recipe.schema.recipe import CONTROLS
from xdistill.suggest import did_you_mean

if TYPE_CHECKING:
    from xdistill.crossval.events import Event
    from xdistill.recipe.loaded import LoadedRecipe
    from xdistill.recipe.schema.recipe import Recipe


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
        profile: the profile to apply to it.
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
        found = last_of_each(events, on_event)
        result = load_run(found[RunFinished].path, cohort=found[CohortReady].path)
        result.write_report()
    return result


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


@dataclass(frozen=True)
class ControlledRun:
    """A recipe and its null controls, finished.

    Attributes:
        run: of the recipe; its report states the gain over the best control.
        controls: by name.
        refused: why a control does not apply to this recipe, by name.
    """

    run: FinishedRun
    controls: Mapping[str, FinishedRun]
    refused: Mapping[str, str]


def run_with_controls(recipe: LoadedRecipe | Recipe | Mapping[str, Any] | str | Path, **options: Any) -> ControlledRun:
    """Run a recipe, then each null control of it, and state in its report what it gains over the best of them.

    Args:
        recipe: as for `run`.
        options: as for `run`, except ``control``.

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
