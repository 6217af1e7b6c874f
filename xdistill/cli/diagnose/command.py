"""``xdistill diagnose``: whether distillation can help a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xdistill.cli import options as shared

if TYPE_CHECKING:
    from xdistill.diagnosis import Diagnosis

EXAMPLES = (
    "xdistill diagnose mvi_hcc",
    "xdistill diagnose my_recipe.yaml --quick",
    "xdistill diagnose my_recipe.yaml --to diagnosis",
    "xdistill diagnose my_recipe.yaml --json --quiet > diagnosis.json",
)


def diagnose(
    recipe: shared.RecipeArgument,
    profile: shared.ProfileOption = None,
    overrides: shared.SetOption = None,
    to: Annotated[Path | None, typer.Option(metavar="DIR", help="Write a page and the figures to this folder.")] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="A quarter of the epochs, at most 3 folds and 2 inner folds: a rough guess.")
    ] = False,
    runs: shared.RunsOption = Path("runs"),
    cache: shared.CacheOption = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Folds that run at the same time; default: one for each free core.")
    ] = None,
    accelerator: shared.AcceleratorOption = None,
    executor: shared.ExecutorOption = None,
    address: shared.AddressOption = None,
    plugin: shared.PluginOption = None,
    disable_plugin: shared.DisableOption = None,
    as_json: shared.JsonOption = False,
    quiet: shared.QuietOption = False,
) -> None:
    """Say whether distillation can help, before hours are spent on it.

    Trains the teacher and the student separately, then two students with the cross-fitted teacher: one imitates it, one
    learns from it and from the labels. All on one repeat of the recipe's folds; with an official split, on folds of its
    training part. Reports the teacher's lead and calibration, how much of its predictions the student can learn, the
    gain of plain distillation, and the smallest gain that the recipe's own test can show.

    Rerun the command to resume a diagnosis that was stopped.
    """
    shortcuts = {
        "executor.use": executor,
        "executor.address": address,
        "executor.jobs": jobs,
        "compute.accelerator": accelerator,
    }
    options = {
        "profile": profile,
        "overrides": shared.as_overrides(overrides, shortcuts),
        "quick": quick,
        "runs": runs,
        "cache": cache,
    }
    with shared.chosen_plugins(plugin, disable_plugin):
        found = _diagnose(recipe, options, quiet=quiet)
    page = None
    if to is not None:
        from xdistill.diagnosis import write_diagnosis

        page = write_diagnosis(found, to)
    _show(found, page, as_json=as_json, quiet=quiet)


def _diagnose(recipe: str, options: dict[str, Any], *, quiet: bool) -> Diagnosis:
    from xdistill.cli.progress import listener
    from xdistill.errors import InterruptedRunError

    with listener(quiet=quiet) as listen:
        from xdistill import api

        try:
            return api.diagnose(recipe, **options, on_event=listen)
        except KeyboardInterrupt:
            raise InterruptedRunError("stopped. Finished folds are kept; rerun the command to resume") from None


def _show(found: Diagnosis, page: Path | None, *, as_json: bool, quiet: bool) -> None:
    from xdistill.cli.console import print_hint, print_json

    if as_json:
        print_json(found.to_json() | ({} if page is None else {"page": str(page)}))
        return
    from xdistill.cli.diagnose.table import print_diagnosis

    print_diagnosis(found)
    if page is not None and not quiet:
        print_hint(f"page: {page}")
