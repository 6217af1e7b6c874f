"""``xdistill run``: train, test, report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xdistill.cli import options as shared

if TYPE_CHECKING:
    from xdistill.api import FinishedRun

EXAMPLES = (
    "xdistill run mvi_hcc",
    "xdistill run my_recipe.yaml --set optimizer.lr=3e-4 --jobs 4",
    "xdistill run mvi_hcc --profile paper --accelerator cuda",
    "xdistill run mvi_hcc --executor ray --address auto",
    "xdistill run my_recipe.yaml --devices 2",
    "xdistill run my_recipe.yaml --plugin ./my_loss.py",
    "xdistill run mvi_hcc --control shuffled_privileged",
    "xdistill run mvi_hcc --with-controls",
    "xdistill run mvi_hcc --diagnostics --tracker tensorboard",
    "xdistill run mvi_hcc --json --quiet > result.json",
)


def run(
    recipe: shared.RecipeArgument,
    profile: shared.ProfileOption = None,
    overrides: shared.SetOption = None,
    runs: shared.RunsOption = Path("runs"),
    cache: shared.CacheOption = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Folds that run at the same time; default: one for each free core.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="CPU threads per fold; the number affects the last digits of results.")
    ] = None,
    accelerator: shared.AcceleratorOption = None,
    devices: Annotated[
        int | None,
        typer.Option(
            min=1, help="Devices that train one fold together, each on a part of every batch; on a CPU, processes."
        ),
    ] = None,
    precision: Annotated[str | None, typer.Option(help="32-true, bf16-mixed or 16-mixed.")] = None,
    executor: shared.ExecutorOption = None,
    address: shared.AddressOption = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Discard earlier results of this run.")] = False,
    plugin: shared.PluginOption = None,
    disable_plugin: shared.DisableOption = None,
    control: Annotated[
        str | None,
        typer.Option(
            help="Run a null control in place of the recipe: shuffled_privileged, constant_teacher, label_smoothing or "
            "self_distillation."
        ),
    ] = None,
    with_controls: Annotated[
        bool,
        typer.Option("--with-controls", help="Run the recipe and all four controls, and report the gain over them."),
    ] = False,
    diagnostics: Annotated[
        bool,
        typer.Option(
            "--diagnostics",
            help="Record gradient norms, gradient cosines and the similarity of the networks after each epoch.",
        ),
    ] = False,
    tracker: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Log the run to a tracker: tensorboard or mlflow; may be repeated."),
    ] = None,
    show_subjects: Annotated[bool, typer.Option("--show-subjects", help="Show subject ids in the report.")] = False,
    as_json: shared.JsonOption = False,
    quiet: shared.QuietOption = False,
) -> None:
    """Train and test a recipe, fold by fold, and write a report.

    Rerun the command to resume a run that was stopped. A finished run is shown immediately.
    """
    shortcuts = {
        "executor.use": executor,
        "executor.address": address,
        "executor.jobs": jobs,
        "compute.threads": threads,
        "compute.accelerator": accelerator,
        "compute.devices": devices,
        "compute.precision": precision,
    }
    changes = shared.as_overrides(overrides, shortcuts)
    if diagnostics:
        changes.append("diagnostics=true")
    if tracker:
        changes.append(f"trackers=[{', '.join(f'{{use: {name}}}' for name in tracker)}]")
    options = {
        "profile": profile,
        "overrides": changes,
        "runs": runs,
        "cache": cache,
        "fresh": fresh,
    }
    shared.say_if_edited(recipe)
    with shared.chosen_plugins(plugin, disable_plugin):
        result = _run(recipe, options, control=control, with_controls=with_controls, quiet=quiet)
        if show_subjects:
            result.write_report(show_subjects=True)
        _show(result, as_json=as_json, quiet=quiet)


def _run(recipe: str, options: dict[str, Any], *, control: str | None, with_controls: bool, quiet: bool) -> FinishedRun:
    from xdistill.cli.console import print_hint
    from xdistill.cli.progress import listener
    from xdistill.errors import UserError

    if control is not None and with_controls:
        raise UserError("--with-controls runs all controls: leave --control out")
    with listener(quiet=quiet) as listen:
        from xdistill import api
        from xdistill.errors import InterruptedRunError

        try:
            if not with_controls:
                return api.run(recipe, **options, control=control, on_event=listen)
            finished = api.run_with_controls(recipe, **options, on_event=listen)
        except KeyboardInterrupt:
            raise InterruptedRunError("stopped. Finished results are kept; rerun the command to resume") from None
    for name, reason in finished.refused.items():
        print_hint(f"no control {name}: {reason}")
    return finished.run


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
        "control": result.control or None,
        "gain": _gain(result),
        "seconds": result.record["seconds"],
        "summary": result.summary,
        **({"external": result.record["external"]} if result.record.get("external") else {}),
    }


def _gain(result: FinishedRun) -> dict[str, Any] | None:
    """The gain over each finished control of the run, as plain data; None if there are none."""
    from xdistill.report.controls import gain_over_controls

    gain = gain_over_controls(result)
    if gain is None:
        return None
    return {
        "best": gain.best.control,
        "statement": gain.sentence(),
        "controls": {
            score.control: {
                result.task.primary: score.score.mean,
                "gain": None if score.gain is None else score.gain.estimate,
                "low": None if score.gain is None else score.gain.low,
                "high": None if score.gain is None else score.gain.high,
                "p_holm": score.p_holm,
            }
            for score in gain.scores
        },
    }
