"""``xdistill export``: a student as one file that other programs run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xdistill.cli import options as shared

if TYPE_CHECKING:
    from xdistill.deployment.export import Exported
    from xdistill.deployment.export.plan import InputPlan

EXAMPLES = (
    "xdistill export models/mvi --to mvi.onnx",
    "xdistill export models/mvi --format pt2 --to mvi.pt2 --check new.csv",
    "xdistill export models/mvi --int8 --to mvi-int8.onnx",
)


def export(
    model: shared.ModelArgument,
    to: Annotated[Path, typer.Option("--to", metavar="FILE", help="The file to write; an existing one is replaced.")],
    file_format: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="onnx or pt2; default: by the ending of FILE.")
    ] = "",
    int8: Annotated[
        bool, typer.Option("--int8", help="Matrix products with 8-bit integers (ONNX): a smaller file.")
    ] = False,
    check: Annotated[
        Path | None,
        typer.Option("--check", metavar="TABLE", help="Compare the file with PyTorch on these subjects as well."),
    ] = None,
    member: shared.MemberOption = None,
    plugin: shared.PluginOption = None,
    disable_plugin: shared.DisableOption = None,
    as_json: shared.JsonOption = False,
    quiet: shared.QuietOption = False,
) -> None:
    """Write a student as ONNX or as a program of PyTorch, with its transforms, all networks and the calibration.

    The file is compared with the model before it is put in place.
    """
    from xdistill.cli.console import echo, print_hint, print_json, print_warning

    with shared.chosen_plugins(plugin, disable_plugin):
        from xdistill.deployment.export import export_model
        from xdistill.deployment.export.write import check_format
        from xdistill.models import load_model

        check_format(file_format, to)
        loaded = load_model(model, member=member)
        for note in loaded.notes:
            print_warning(note)
        written = export_model(loaded, to, file_format=file_format, int8=int8, check_on=check)
    if as_json:
        print_json(_document(written))
        return
    echo(str(to))
    if not quiet:
        for line in _lines(written):
            print_hint(line)


def _lines(written: Exported) -> list[str]:
    """What was written, for people."""
    kinds = {"onnx": "ONNX", "pt2": "program of PyTorch"}
    networks = "1 network" if written.members == 1 else f"the mean of {written.members} networks"
    lines = [f"{kinds[written.file_format]}, {written.precision}, {networks}, {written.size / 2**20:.1f} MiB"]
    for plan in written.inputs:
        lines.append(f"input {plan.name}: {_shape(plan)} {plan.dtype}{', after its transforms' * plan.transformed}")
        if plan.optional:
            lines.append(f"input {plan.mask}: (batch) bool")
    lines.append(f"output probabilities: (batch, {len(written.columns)}) float32: {', '.join(written.columns)}")
    lines.extend(
        f"largest difference to PyTorch on {comparison.what}: {comparison.largest:.1e} "
        f"({comparison.subjects} subjects{_same(comparison.agreement)})"
        for comparison in written.comparisons
    )
    return lines


def _same(agreement: float | None) -> str:
    return "" if agreement is None else f", same class for {agreement:.1%}"


def _shape(plan: InputPlan) -> str:
    return f"({', '.join(['batch', *map(str, plan.spec.shape)])})"


def _document(written: Exported) -> dict[str, Any]:
    return {
        "file": str(written.path),
        "format": written.file_format,
        "precision": written.precision,
        "bytes": written.size,
        "inputs": {plan.name: plan.to_json() for plan in written.inputs},
        "output": {"name": "probabilities", "columns": list(written.columns)},
        "members": written.members,
        "comparisons": [
            {
                "on": comparison.what,
                "subjects": comparison.subjects,
                "largest_difference": comparison.largest,
                "same_class": comparison.agreement,
            }
            for comparison in written.comparisons
        ],
    }
