"""``xdistill tune``: search for better settings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xdistill.cli import options as shared

if TYPE_CHECKING:
    from xdistill.api import TunedRecipe

EXAMPLES = (
    "xdistill tune mvi_hcc",
    "xdistill tune my_recipe.yaml --trials 100 --jobs 8",
    "xdistill tune my_recipe.yaml --flat",
    "xdistill tune my_recipe.yaml --storage sqlite --set tune.sampler=gp",
    "xdistill tune my_recipe.yaml --storage postgresql://me@host/studies",
    "xdistill tune my_recipe.yaml --flat --workers 16 --executor ray",
    "xdistill tune my_recipe.yaml --json --quiet > tuned.json",
)


def tune(
    recipe: shared.RecipeArgument,
    profile: shared.ProfileOption = None,
    overrides: shared.SetOption = None,
    trials: Annotated[
        int | None, typer.Option(min=1, help="Trials of each search; a larger number continues it.")
    ] = None,
    flat: Annotated[
        bool,
        typer.Option("--flat", help="One search on inner splits of all data: cheaper, and its score is optimistic."),
    ] = False,
    storage: Annotated[
        str, typer.Option(help="Where trials are kept: journal, sqlite, a file, or a URL that Optuna accepts.")
    ] = "journal",
    study: Annotated[
        str, typer.Option(metavar="NAME", help="Name of the study in the storage; default: made of the recipe.")
    ] = "",
    studies: Annotated[Path, typer.Option(help="Folder of all studies.")] = Path("tune"),
    runs: shared.RunsOption = Path("runs"),
    cache: shared.CacheOption = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Searches that run at the same time; default: one for each free core.")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Workers per search; default: 1, with --flat as many as there are jobs."),
    ] = None,
    accelerator: shared.AcceleratorOption = None,
    executor: shared.ExecutorOption = None,
    address: shared.AddressOption = None,
    plugin: shared.PluginOption = None,
    disable_plugin: shared.DisableOption = None,
    as_json: shared.JsonOption = False,
    quiet: shared.QuietOption = False,
) -> None:
    """Search for better settings of a recipe, as its field tune says.

    Nested: for each outer split a search of its own on inner splits of its training part, then a fit with the best
    settings to the whole of it and a test on subjects that no search saw. The result is a run like any other, and its
    score is that of the method with its search.

    Rerun the command to resume a search that was stopped. A second process with the same command takes part in it.
    """
    shortcuts = {
        "tune.trials": trials,
        "executor.use": executor,
        "executor.address": address,
        "executor.jobs": jobs,
        "compute.accelerator": accelerator,
    }
    options = {
        "profile": profile,
        "overrides": shared.as_overrides(overrides, shortcuts),
        "runs": runs,
        "cache": cache,
        "studies": studies,
        "storage": storage,
        "name": study,
        "workers": workers,
        "flat": flat,
    }
    with shared.chosen_plugins(plugin, disable_plugin):
        result = _tune(recipe, options, quiet=quiet)
        _show(result, as_json=as_json, quiet=quiet)


def _tune(recipe: str, options: dict[str, Any], *, quiet: bool) -> TunedRecipe:
    from xdistill.cli.tune.progress import tune_listener
    from xdistill.errors import InterruptedRunError

    with tune_listener(quiet=quiet) as listen:
        from xdistill import api

        try:
            return api.tune(recipe, **options, on_event=listen)
        except KeyboardInterrupt:
            raise InterruptedRunError("stopped. Every finished trial is kept; rerun the command to resume") from None


def _show(result: TunedRecipe, *, as_json: bool, quiet: bool) -> None:
    from xdistill.cli.console import print_hint, print_json

    if as_json:
        files = {"study_dir": str(result.path), "tuned": str(result.recipe)}
        run = {} if result.run is None else {"run_dir": str(result.run.path), "summary": result.run.summary}
        print_json({**files, **run, **result.record})
        return
    from xdistill.cli.table import print_results
    from xdistill.cli.tune.table import print_study

    if result.run is not None:
        print_results(result.run)
    print_study(result.record)
    if not quiet:
        print_hint(f"tuned recipe: {result.recipe}")
