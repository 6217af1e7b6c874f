"""``xdistill run``: train, test, report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xdistill.cli.options import DisableOption, PluginOption, ProfileOption, RecipeArgument, SetOption, chosen_plugins

if TYPE_CHECKING:
    from xdistill.api import FinishedRun

EXAMPLES = (
    "xdistill run mvi_hcc",
    "xdistill run my_recipe.yaml --set optimizer.lr=3e-4 --jobs 4",
    "xdistill run mvi_hcc --profile paper --accelerator cuda",
    "xdistill run my_recipe.yaml --plugin ./my_loss.py",
    "xdistill run mvi_hcc --json --quiet > result.json",
)


def run(
    recipe: RecipeArgument,
    profile: ProfileOption = None,
    overrides: SetOption = None,
    runs: Annotated[Path, typer.Option(help="Folder of all runs.")] = Path("runs"),
    cache: Annotated[Path | None, typer.Option(help="Folder of the cohort caches.")] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Folds that run at the same time; default: one for each free core.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="CPU threads a fold; another number changes the last bits.")
    ] = None,
    accelerator: Annotated[str | None, typer.Option(help="auto, cpu, cuda or mps.")] = None,
    devices: Annotated[int | None, typer.Option(min=1, help="Accelerators to deal the folds out over.")] = None,
    precision: Annotated[str | None, typer.Option(help="32-true, bf16-mixed or 16-mixed.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start anew, and forget what an earlier start left.")] = False,
    plugin: PluginOption = None,
    disable_plugin: DisableOption = None,
    show_subjects: Annotated[bool, typer.Option("--show-subjects", help="Name subjects in the report.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as JSON on standard output.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Train and test a recipe, fold by fold, and write a report.

    Stopped, killed or crashed, the same command goes on where it was. A run that is already finished is shown at once.
    """
    shortcuts = {
        "executor.jobs": jobs,
        "compute.threads": threads,
        "compute.accelerator": accelerator,
        "compute.devices": devices,
        "compute.precision": precision,
    }
    flags = [f"{name}={value}" for name, value in shortcuts.items() if value is not None]
    with chosen_plugins(plugin, disable_plugin):
        result = _run(recipe, profile, [*(overrides or ()), *flags], runs, cache, fresh=fresh, quiet=quiet)
        if show_subjects:
            result.write_report(show_subjects=True)
        _show(result, as_json=as_json, quiet=quiet)


def _run(
    recipe: str, profile: str | None, overrides: list[str], runs: Path, cache: Path | None, *, fresh: bool, quiet: bool
) -> FinishedRun:
    from xdistill.cli.progress import listener

    with listener(quiet=quiet) as listen:
        from xdistill import api
        from xdistill.errors import InterruptedRunError

        try:
            return api.run(
                recipe, profile=profile, overrides=overrides, runs=runs, cache=cache, fresh=fresh, on_event=listen
            )
        except KeyboardInterrupt:
            raise InterruptedRunError(
                "stopped. What was finished is kept; give the same command again to go on"
            ) from None


def _show(result: FinishedRun, *, as_json: bool, quiet: bool) -> None:
    from xdistill.cli.console import print_hint, print_json

    if as_json:
        print_json(_document(result))
        return
    from xdistill.cli.table import print_results

    print_results(result)
    if not quiet:
        print_hint(f"report: {result.folder.report}")


def _document(result: FinishedRun) -> dict[str, Any]:
    cohort = result.record["cohort"]
    return {
        "run_dir": str(result.path),
        "report": str(result.folder.report),
        "synthetic": cohort["synthetic"],
        "bounds": cohort["bounds"],
        "privileged": result.record["privileged"],
        "seconds": result.record["seconds"],
        "summary": result.summary,
    }
