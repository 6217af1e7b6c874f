"""``xdistill explain``: what a model's predictions for new subjects depend on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xdistill.cli import options as shared
from xdistill.cli.predict import new_subjects, progress

if TYPE_CHECKING:
    from xdistill.deployment.explain.write import Written

EXAMPLES = (
    "xdistill explain models/mvi new.csv --to maps",
    "xdistill explain models/mvi new.csv --to maps --method occlusion",
    "xdistill explain models/mvi new.csv --to maps --class M2 --check",
    "xdistill explain models/mvi hbp=a.nii.gz pre=b.nii.gz --to maps",
)


def explain(
    model: shared.ModelArgument,
    subjects: shared.SubjectsArgument,
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="The folder to write; it must not hold anything.")],
    method: Annotated[str, typer.Option(help="ig (integrated gradients), gradcam or occlusion.")] = "ig",
    target: Annotated[
        str | None,
        typer.Option(
            "--class", metavar="NAME", help="Class, label or target to explain; default: the predicted class."
        ),
    ] = None,
    layer: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="Layer of Grad-CAM, or a pattern such as '*.trunk.last'; default: chosen per image."
        ),
    ] = None,
    window: Annotated[
        str | None,
        typer.Option(metavar="D,H,W", help="Window of occlusion in voxels; default: a quarter of each axis."),
    ] = None,
    steps: Annotated[
        int, typer.Option(min=1, help="Points between baseline and subject of integrated gradients.")
    ] = 32,
    check: Annotated[
        bool, typer.Option("--check", help="Run the sanity checks: shuffled weights, and deletion of patches.")
    ] = False,
    anonymous: Annotated[
        bool, typer.Option("--anonymous", help="Name subjects by their number instead of their id.")
    ] = False,
    member: shared.MemberOption = None,
    device: shared.DeviceOption = "auto",
    batch_size: Annotated[int, typer.Option(min=1, help="Perturbed copies of a subject per batch.")] = 32,
    skip_errors: shared.SkipErrorsOption = False,
    plugin: shared.PluginOption = None,
    disable_plugin: shared.DisableOption = None,
    as_json: shared.JsonOption = False,
    quiet: shared.QuietOption = False,
) -> None:
    """Explain predictions: NIfTI maps in the space of each subject's own files, and a page with slices."""
    with shared.chosen_plugins(plugin, disable_plugin):
        from xdistill.cli.console import print_warning
        from xdistill.deployment.explain import Options, explain_subjects
        from xdistill.deployment.explain.write import check_folder, write_explanations
        from xdistill.models import load_model

        check_folder(to)
        loaded = load_model(model, member=member)
        for note in loaded.notes:
            print_warning(note)
        options = Options(
            method=method,  # type: ignore[arg-type]  # checked when it is used
            target=target,
            layers=tuple(layer or ()),
            window=None if window is None else _window(window),
            steps=steps,
            batch_size=batch_size,
            check=check,
        )
        options.validate(loaded)
        found = new_subjects(loaded, subjects)
        with progress(len(found), quiet=quiet) as report:
            stream = explain_subjects(
                loaded, found, options, device=device, skip_errors=skip_errors, on_progress=report
            )
            written = write_explanations(loaded, stream, to, options, anonymous=anonymous)
    _say(written, subjects=len(found), to=to, as_json=as_json, quiet=quiet)


def _window(text: str) -> tuple[int, ...]:
    from xdistill.errors import UserError

    parts = text.split(",")
    if not all(part.strip().isdecimal() for part in parts):
        raise UserError(f"`--window {text}` is not a list of whole numbers; give depth, height and width, as in 3,6,6")
    return tuple(int(part) for part in parts)


def _say(written: Written, *, subjects: int, to: Path, as_json: bool, quiet: bool) -> None:
    from xdistill.cli.console import echo, print_hint, print_json, print_warning
    from xdistill.deployment.explain.write import PAGE

    checks = [] if written.summary is None else written.summary.lines()
    if as_json:
        document = {"folder": str(to), "layers": written.layers, "checks": checks, "maps": written.rows}
        print_json(document)
    else:
        for line in checks:
            echo(line)
    for one in written.failed:
        print_warning(one.error)
    if written.failed:
        print_hint(f"{len(written.failed)} of {subjects} subjects could not be read and have no map")
    if not quiet:
        for name, where in written.layers.items():
            print_hint(f"Grad-CAM of {name}: {where}")
        print_hint(f"maps: {to}; page: {to / PAGE}")
