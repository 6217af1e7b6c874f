"""``xdistill model``: look at a model folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xdistill.cli import options as shared
from xdistill.cli.examples import command, with_examples

if TYPE_CHECKING:
    from xdistill.models import StudentModel

app = typer.Typer(
    help=with_examples("Show a model folder and its card.", "xdistill model show models/mvi"), no_args_is_help=True
)
FolderArgument = Annotated[Path, typer.Argument(metavar="MODEL", help="A model folder.", show_default=False)]
SHOW_EXAMPLES = ("xdistill model show models/mvi", "xdistill model show models/mvi --json")
CARD_EXAMPLES = ("xdistill model card models/mvi > card.md",)


def show(
    model: shared.ModelArgument,
    plugin: shared.PluginOption = None,
    as_json: shared.JsonOption = False,
) -> None:
    """Check every file against its checksum and show what the model reads, predicts and reached."""
    with shared.chosen_plugins(plugin, None):
        from xdistill.cli.console import print_json, print_warning
        from xdistill.models import load_model

        loaded = load_model(model)
    for note in loaded.notes:
        print_warning(note)
    if as_json:
        print_json(_document(loaded))
    else:
        _print(loaded)


def card(model: FolderArgument) -> None:
    """Print the model card, Markdown with Hugging Face's metadata block."""
    from xdistill.cli.console import echo
    from xdistill.errors import ModelError
    from xdistill.models.files import CARD, CONFIG, check_sums

    if not (model / CONFIG).is_file():
        raise ModelError(f"{model}: there is no model here; pass a folder that `xdistill fit` wrote")
    if CARD not in check_sums(model):
        raise ModelError(f"{model}: the model has no card; `xdistill fit` writes one")
    echo((model / CARD).read_text(encoding="utf-8"), end="")


command(app, *SHOW_EXAMPLES)(show)
command(app, *CARD_EXAMPLES)(card)


def _document(model: StudentModel) -> dict[str, Any]:
    return {
        "name": model.name,
        "task": model.schema.task.to_json(),
        "inputs": {
            name: {"kind": spec.kind, "shape": list(spec.shape)} for name, spec in model.schema.modalities.items()
        },
        "privileged": model.config.privileged,
        "optional": model.config.optional,
        "synthetic": model.config.synthetic,
        "cohort": model.config.cohort,
        "members": [member.name for member in model.members],
        "calibrated": model.calibration is not None,
        "crossval": model.training.get("crossval"),
        "versions": model.config.versions,
    }


def _print(model: StudentModel) -> None:
    from rich.table import Table
    from rich.text import Text

    from xdistill.cli.console import stdout

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    for name, value in _lines(model).items():
        table.add_row(Text(name), Text(value))
    stdout().print(table)


def _lines(model: StudentModel) -> dict[str, str]:
    from xdistill.report.scores import FEWEST

    config = model.config
    lines = {"model": config.name}
    if config.synthetic:
        lines["synthetic"] = "no training subject is real"
    lines["predicts"] = model.schema.task.describe()
    for name, spec in model.schema.modalities.items():
        optional = ", may be missing" if name in config.optional else ""
        lines[f"reads {name}"] = f"{spec.kind} {' x '.join(map(str, spec.shape))}{optional}"
    if config.privileged:
        lines["privileged"] = f"{', '.join(config.privileged)}: only the teacher saw it"
    lines["student"] = f"{config.student['use']}, {len(model.members)} network(s)"
    lines["cohort"] = config.cohort or "in memory"
    lines["calibrated"] = "yes" if model.calibration is not None else "no"
    summary = (model.training.get("crossval") or {}).get("summary", {}).get("student", {})
    for score in model.schema.task.scores:
        if score.name in summary and score.name in model.schema.task.table:
            scale = 100 if score.percent else 1
            found, folds = summary[score.name], len(summary[score.name]["folds"])
            spread = f" ± {scale * found['sd']:.2f}" if folds >= FEWEST else ""
            lines[score.title] = f"{scale * found['mean']:.2f}{spread} over {folds} fold{'s' if folds > 1 else ''}"
    lines["versions"] = ", ".join(f"{name} {version}" for name, version in config.versions.items())
    return lines
