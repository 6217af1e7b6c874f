"""Arguments and options that several commands share."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Annotated

import typer

RecipeArgument = Annotated[
    str,
    typer.Argument(metavar="RECIPE", help="A recipe file, or the name of a bundled recipe such as mvi_hcc."),
]

ProfileOption = Annotated[
    str | None,
    typer.Option("--profile", metavar="NAME", help="The profile of the recipe to apply, such as paper."),
]

SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="FIELD=VALUE",
        help="Change a field, as in --set optimizer.lr=1e-4 or --set stages.joint.epochs=3; may be repeated.",
    ),
]

RunsOption = Annotated[Path, typer.Option("--runs", metavar="DIR", help="Folder of all runs.")]

CacheOption = Annotated[
    Path | None, typer.Option("--cache", metavar="DIR", help="Folder of the cohort files; default: the user's cache.")
]

AcceleratorOption = Annotated[str | None, typer.Option("--accelerator", metavar="NAME", help="auto, cpu, cuda or mps.")]

QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Do not show progress.")]

JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as one JSON document, for programs.")]

ExecutorOption = Annotated[
    str | None,
    typer.Option("--executor", metavar="NAME", help="Where the folds run: local, or ray for a Ray cluster."),
]

AddressOption = Annotated[
    str | None,
    typer.Option(
        "--address",
        metavar="HOST:PORT",
        help="Address of the cluster's head, for --executor ray; auto: the current cluster.",
    ),
]

ModelArgument = Annotated[
    Path, typer.Argument(metavar="MODEL", help="A model folder, or the folder of a finished run.", show_default=False)
]

SubjectsArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="SUBJECTS",
        help="A CSV file, a folder of <subject>/<modality>.nii.gz, or MODALITY=FILE for each modality of one subject.",
        show_default=False,
    ),
]

MemberOption = Annotated[
    str | None,
    typer.Option("--member", metavar="NAME", help="One network of an ensemble alone, such as r0-f0, uncalibrated."),
]

LevelOption = Annotated[float, typer.Option("--level", help="Coverage of the prediction sets, between 0 and 1.")]

DeviceOption = Annotated[str, typer.Option("--device", help="auto, cpu, cuda or mps.")]

BatchSizeOption = Annotated[int, typer.Option("--batch-size", min=1, help="Subjects per batch.")]

ReadersOption = Annotated[int, typer.Option("--jobs", min=1, help="Processes that read files.")]

SkipErrorsOption = Annotated[
    bool, typer.Option("--skip-errors", help="Continue after a subject that cannot be read; it is listed at the end.")
]

PluginOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--plugin",
        metavar="FILE",
        help="Also use the plugin in this Python file; may be repeated.",
    ),
]

DisableOption = Annotated[
    list[str] | None,
    typer.Option(
        "--disable-plugin", metavar="NAME", help="Disable the plugin with this entry point name; may be repeated."
    ),
]


def say_if_edited(recipe: str) -> None:
    """Say so where a recipe that a search wrote is no longer what it wrote: people may edit it, and disks may fail."""
    path = Path(recipe)
    if path.name != "tuned.yaml":
        return
    from xdistill.cli.console import print_warning
    from xdistill.errors import RunError
    from xdistill.runs.checksums import CHECKSUMS, check_sum_of

    with suppress(OSError):
        if all((path.parent / name).is_file() for name in ("study.json", CHECKSUMS)):
            try:
                check_sum_of(path.parent, path.name)
            except RunError:
                print_warning(
                    f"{path}: was edited or damaged since the search wrote it (its SHA-256 is not that in "
                    f"{CHECKSUMS}); its present content is used, which is not the result of the search"
                )


def as_overrides(overrides: list[str] | None, shortcuts: Mapping[str, object]) -> list[str]:
    """What ``--set`` says, then what options say that stand for a field, by the field; None where one was not given."""
    return [*(overrides or ()), *(f"{field}={value}" for field, value in shortcuts.items() if value is not None)]


def chosen_plugins(files: list[Path] | None, disabled: list[str] | None) -> AbstractContextManager[None]:
    """While it is entered, these files are plugins as well and these plugins are left out, in workers too.

    Raises:
        PluginError: for the name of a plugin that is not there.
    """
    from xdistill.plugin.importing import selected

    if disabled:
        _check_names(disabled)
    return selected(files=files or (), disabled=disabled or ())


def _check_names(disabled: list[str]) -> None:
    from xdistill.errors import PluginError
    from xdistill.plugin.catalog import plugin_entry_points
    from xdistill.suggest import did_you_mean

    known = list(dict.fromkeys(point.name for point in plugin_entry_points()))
    for name in disabled:
        if name not in known:
            raise PluginError(f"there is no plugin {name!r} to disable{did_you_mean(name, known)}")
