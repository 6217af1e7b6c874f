"""``xdistill evaluate``: a model on an external cohort with labels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xdistill.cli import options as shared
from xdistill.cli.predict import progress
from xdistill.errors import UserError
from xdistill.untrusted import TABLE, open_regular

if TYPE_CHECKING:
    from xdistill.deployment.evaluate import Evaluation

EXAMPLES = (
    "xdistill evaluate models/mvi external.csv --to evaluation/",
    "xdistill evaluate models/mvi external.csv --by sex --by scanner",
    "xdistill evaluate models/mvi external.csv --against models/kd",
    "xdistill evaluate models/mvi new.csv --threshold sensitivity:0.95",
)


def evaluate(
    model: shared.ModelArgument,
    table: Annotated[
        Path,
        typer.Argument(
            metavar="TABLE", help="A table as for predict, with labels and, if there is one, a column patient."
        ),
    ],
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="DIR", help="Folder for evaluation.json, predictions.csv and report.html."),
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(
            "--label",
            metavar="COLUMN",
            help="Column with the classes; repeated: with each target, or with time and event. Default: as in the "
            "recipe's task, or label.",
        ),
    ] = None,
    by: Annotated[
        list[str] | None, typer.Option("--by", metavar="COLUMN", help="Column to form subgroups by; may be repeated.")
    ] = None,
    against: Annotated[
        Path | None, typer.Option("--against", metavar="MODEL", help="A second model, compared on the same patients.")
    ] = None,
    positive: Annotated[
        str | None,
        typer.Option(
            "--positive",
            metavar="CLASS",
            help="Positive class or label; default: the second of two classes, or each of more.",
        ),
    ] = None,
    threshold: Annotated[
        str | None,
        typer.Option(
            "--threshold",
            metavar="RULE",
            help="A probability, youden, sensitivity:0.95 or costs:5:1 (a missed positive, a false alarm); rules are "
            "applied to out-of-fold predictions of training. Default: youden.",
        ),
    ] = None,
    level: shared.LevelOption = 0.9,
    resamples: Annotated[int, typer.Option(min=1, help="Resamples of the bootstrap.")] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the bootstrap.")] = 0,
    device: shared.DeviceOption = "auto",
    batch_size: shared.BatchSizeOption = 32,
    jobs: shared.ReadersOption = 1,
    skip_errors: shared.SkipErrorsOption = False,
    plugin: shared.PluginOption = None,
    disable_plugin: shared.DisableOption = None,
    as_json: shared.JsonOption = False,
    quiet: shared.QuietOption = False,
) -> None:
    """Evaluate a model on subjects whose labels are known: scores, calibration, decision curve, subgroups and drift."""
    with shared.chosen_plugins(plugin, disable_plugin):
        from xdistill.cli.console import print_hint, print_json, print_warning
        from xdistill.deployment.evaluate.write import REPORT, check_folder, write_evaluation
        from xdistill.models import load_model

        if to is not None:
            check_folder(to)
        loaded = load_model(model)
        other = None if against is None else load_model(against)
        for note in [*loaded.notes, *(() if other is None else other.notes)]:
            print_warning(note)
        with progress(_lines(table), quiet=quiet) as report:
            from xdistill.deployment.evaluate import evaluate as run

            found = run(
                loaded,
                table,
                label=tuple(label or ()),
                by=tuple(by or ()),
                against=other,
                positive=positive,
                threshold=threshold,
                level=level,
                resamples=resamples,
                seed=seed,
                device=device,
                batch_size=batch_size,
                jobs=jobs,
                skip_errors=skip_errors,
                on_progress=report,
            )
        for message in found.unread:
            print_warning(message)
        if to is not None:
            write_evaluation(found, to)
    if as_json:
        print_json(found.to_json())
    else:
        _print(found)
    if to is not None and not quiet:
        print_hint(f"report: {to / REPORT}")


def _lines(table: Path) -> int:
    """About how many subjects there are, for the progress bar; errors are the reader's to report."""
    try:
        with open_regular(table, TABLE) as file:
            return max(1, sum(1 for _ in file) - 1)
    except (UserError, OSError):
        return 1


def _print(found: Evaluation) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from xdistill.cli.console import stdout
    from xdistill.deployment.evaluate.text import metric_titles, shown

    titles = metric_titles(found.task)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=Text(_title(found)), title_justify="left")
    table.add_column("")
    table.add_column(Text("95 % interval by patient"), no_wrap=True)
    for name, value in found.metrics.items():
        title, percent = titles[name]
        table.add_row(Text(f"{title} %" if percent else title), Text(shown(titles, name, value)))
    for name, text in _rows(found):
        table.add_row(Text(name), Text(text))
    stdout().print(table)
    for note in found.notes:
        stdout().print(Text(note, style="dim"))


def _title(found: Evaluation) -> str:
    start = "Synthetic: trained on generated subjects. " if found.synthetic else ""
    return f"{start}{found.model['name']}, {found.subjects} subjects of {found.patients} patients"


def _rows(found: Evaluation) -> Iterator[tuple[str, str]]:
    """What follows the standard metrics."""
    from xdistill.deployment.evaluate.tasks.scored import written
    from xdistill.deployment.evaluate.text import figure, metric_titles, percent, shown

    for one in found.one_class:
        if len(found.one_class) > 1:
            yield f"AUC % of {one.name}", percent(one.auc)
        if one.operating is not None:
            at = f"of {one.name} at the threshold {one.operating.threshold:.3f}"
            yield f"Sensitivity % {at}", percent(one.operating.sensitivity)
            yield f"Specificity % {at}", percent(one.operating.specificity)
        yield f"Calibration slope of {one.name}", figure(one.slope, digits=2)
        yield f"Calibration intercept of {one.name}", figure(one.intercept, digits=2)
    if found.sets is not None:
        yield f"True class in the {100 * found.sets.level:g} % set, %", percent(found.sets.coverage)
    for detail in found.details:
        yield f"{detail.title} of {detail.of}", written(detail)
    titles, name = metric_titles(found.task), found.task.primary
    title, in_percent = titles[name]
    for group in found.subgroups:
        of = f"{title}{' %' if in_percent else ''}, {group.column} {group.value} (n = {group.subjects})"
        yield of, shown(titles, name, group.metrics[name])
    if found.comparison is not None:
        against, change = found.comparison.against, found.comparison.metrics[name].difference
        yield f"{title}: difference from {against}{', points' if in_percent else ''}", shown(titles, name, change)
