"""``xdistill fit``: the model for use on new subjects."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from xdistill.cli import options as shared

EXAMPLES = (
    "xdistill fit mvi_hcc --to models/mvi",
    "xdistill fit mvi_hcc --to models/mvi --ensemble",
    "xdistill fit tune/mvi_hcc/cmdnet/tuned.yaml --to models/mvi",
    "xdistill fit runs/mvi_hcc/cmdnet/0f3a8c21d9be --to models/mvi",
)


def fit(
    recipe: Annotated[
        str,
        typer.Argument(
            metavar="RECIPE", help="A recipe file, the name of a bundled recipe, or the folder of a finished run."
        ),
    ],
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="The model folder to write.")],
    ensemble: Annotated[
        bool, typer.Option("--ensemble", help="The networks of all folds and repeats as one model.")
    ] = False,
    no_crossval: Annotated[
        bool,
        typer.Option("--no-crossval", help="Only train on all subjects; the model is not calibrated."),
    ] = False,
    profile: shared.ProfileOption = None,
    overrides: shared.SetOption = None,
    runs: shared.RunsOption = Path("runs"),
    cache: shared.CacheOption = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Folds that run at the same time; default: one for each free core.")
    ] = None,
    accelerator: shared.AcceleratorOption = None,
    plugin: shared.PluginOption = None,
    disable_plugin: shared.DisableOption = None,
    as_json: shared.JsonOption = False,
    quiet: shared.QuietOption = False,
) -> None:
    """Cross-validate a recipe, train its student on all subjects, calibrate it, and write a model folder.

    A finished cross-validation is not repeated. Rerun the command to resume a fit that was stopped.
    """
    from xdistill.cli.console import echo, print_hint, print_json
    from xdistill.cli.progress import listener

    changes = shared.as_overrides(overrides, {"executor.jobs": jobs, "compute.accelerator": accelerator})
    shared.say_if_edited(str(recipe))
    with shared.chosen_plugins(plugin, disable_plugin), listener(quiet=quiet) as listen:
        from xdistill import api
        from xdistill.errors import InterruptedRunError

        try:
            model = api.fit(
                recipe,
                to,
                ensemble=ensemble,
                crossval=not no_crossval,
                profile=profile,
                overrides=changes,
                runs=runs,
                cache=cache,
                on_event=listen,
            )
        except KeyboardInterrupt:
            raise InterruptedRunError("stopped. Finished results are kept; rerun the command to resume") from None
    if as_json:
        print_json({"model": str(to), "members": [member.name for member in model.members], "inputs": model.inputs})
        return
    echo(str(to))
    if not quiet:
        print_hint(f"predict with: xdistill predict {to} new.csv")
