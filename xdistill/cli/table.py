"""The table at the end of a run, for a terminal and for a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.table import Table
from rich.text import Text

from xdistill.cli.console import stdout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from xdistill.report.scores import ScoreRow
    from xdistill.runs import Run

NAME_WIDTH: Final = 14
SHOWN: Final = 3  # of the columns of a task; more do not fit into a terminal
SYNTHETIC: Final = "Synthetic cohort: no patient is real."
_STYLE: Final = {"student": "bold", "teacher": "bold", "bound": "dim", "reference": "dim"}


def print_results(run: Run, console: Console | None = None) -> None:
    """Print the table: ruled on a terminal that is wide enough, as aligned plain text elsewhere.

    Args:
        run: a finished run.
        console: standard output by default.
    """
    console = console or stdout()
    table = results_table(run)
    boundless = console.options.update(max_width=1000)
    if console.is_terminal and console.measure(table, options=boundless).minimum <= console.width:
        console.print(table)
    else:
        console.print(Text(results_text(run)), soft_wrap=True)


def results_table(run: Run) -> Table:
    """Student, teacher, bounds and the majority class; F1, accuracy and AUC. Nothing is taken for markup."""
    from rich import box

    table = Table(
        title=Text(_one_line(run.name), style="bold"),
        title_justify="left",
        caption=Text(_caption(run), style="dim"),
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    heading, *lines = _cells(run)
    for place, title in enumerate(heading):
        # Names may wrap; figures are never cut.
        width = NAME_WIDTH if place == 0 else max(len(line[place]) for line in lines)
        table.add_column(Text(title), no_wrap=place > 0, min_width=width)
    for cells, row in zip(lines, _rows(run), strict=True):
        table.add_row(*(Text(cell, style=_STYLE[row.kind]) for cell in cells))
    return table


def results_text(run: Run) -> str:
    """The same table as aligned plain text."""
    lines = _cells(run)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    aligned = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]
    return "\n".join([_one_line(run.name), "", *aligned, "", _caption(run)])


def _rows(run: Run) -> tuple[ScoreRow, ...]:
    from xdistill.report.scores import score_rows

    return score_rows(run)


def _cells(run: Run) -> list[tuple[str, ...]]:
    """Heading and rows; the figures of a column stand under each other, point under point."""
    from xdistill.report.scores import columns as columns_of

    rows = _rows(run)
    labels = ("", *(_one_line(row.label) for row in rows))
    columns = [
        (f"{column.title} %", *_under_each_other([row.cell(column) for row in rows]))
        for column in columns_of(run.task)[:SHOWN]
    ]
    return list(zip(labels, *columns, strict=True))


def _under_each_other(figures: Sequence[str]) -> list[str]:
    parts = [figure.partition(" ± ") for figure in figures]
    left = max(len(mean) for mean, _, _ in parts)
    right = max(len(spread) for _, _, spread in parts)
    return [f"{mean:>{left}}{sign}{spread:>{right if sign else 0}}" for mean, sign, spread in parts]


def _caption(run: Run) -> str:
    from xdistill.report.controls import WHAT, gain_over_controls
    from xdistill.report.scores import missing_note, one_class_notes, over_folds

    several = len(run.predictions.of("student")) > 1
    spread = "Mean ± standard deviation (ddof 1) over" if several else "Scored on"
    lines = [f"{spread} {over_folds(run)}, in percent."]
    if run.record["cohort"].get("synthetic"):
        lines.append(SYNTHETIC)
    if run.control:
        lines.append(f"Null control, not the method: {WHAT[run.control]}.")
    if missing_note(run):
        lines.append(missing_note(run))
    lines.extend(map(_one_line, one_class_notes(run)))
    gain = gain_over_controls(run)
    if gain is not None:
        lines.append(f"{_one_line(gain.sentence())}.")
        if gain.absent:
            lines.append(f"Controls that were not run: {', '.join(gain.absent)}.")
    return "\n".join(lines)


def _one_line(text: str) -> str:
    """Text from the data as one line that moves no cursor."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
