"""The table at the end of a run, for a terminal and for a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich.table import Table
from rich.text import Text

from xdistill.cli.console import stdout

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

    from xdistill.report.scores import ScoreRow
    from xdistill.runs import Run

NAME_WIDTH: Final = 14
SHOWN: Final = 3  # metrics of a task of several classes
SHOWN_BINARY: Final = 5  # AUC, sensitivity, specificity, predictive values
SYNTHETIC: Final = "Synthetic cohort: no patient is real."
_STYLE: Final = {"student": "bold", "teacher": "bold", "bound": "dim", "reference": "dim"}


@dataclass(frozen=True)
class _Column:
    """A heading and the figures below it, point under point; a narrow terminal goes without spare columns."""

    head: str
    cells: tuple[str, ...]
    spare: bool = False


def print_results(run: Run, console: Console | None = None) -> None:
    """Print the table: ruled on a terminal that is wide enough, as aligned plain text elsewhere.

    Args:
        run: a finished run.
        console: standard output by default.
    """
    console = console or stdout()
    rows, columns = _table(run)
    boundless = console.options.update(max_width=1000)
    while console.is_terminal:
        table = _ruled(run, rows, columns)
        if console.measure(table, options=boundless).minimum <= console.width:
            console.print(table)
            return
        if not columns[-1].spare:
            break
        columns = columns[:-1]
    console.print(Text(results_text(run)), soft_wrap=True)


def results_table(run: Run) -> Table:
    """Student, teacher, bounds and the majority class with their scores. Nothing is taken for markup."""
    return _ruled(run, *_table(run))


def results_text(run: Run) -> str:
    """The same table as aligned plain text."""
    rows, columns = _table(run)
    names = ["", *(_one_line(row.label) for row in rows)]
    texts = [names, *([column.head, *column.cells] for column in columns)]
    widths = [max(map(len, column)) for column in texts]
    lines = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in zip(*texts, strict=True)]
    return "\n".join([_one_line(run.name), "", *lines, "", _caption(run)])


def _ruled(run: Run, rows: Sequence[ScoreRow], columns: Sequence[_Column]) -> Table:
    from rich import box

    table = Table(
        title=Text(_one_line(run.name), style="bold"),
        title_justify="left",
        caption=Text(_caption(run), style="dim"),
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column(Text(""), min_width=NAME_WIDTH)
    for column in columns:
        longest = max(map(len, (*column.head.split(), *column.cells)))
        table.add_column(Text(column.head), min_width=longest)
    for place, row in enumerate(rows):
        style = _STYLE[row.kind]  # names and headings may wrap; figures are never cut
        figures = [Text(column.cells[place], style=style, no_wrap=True) for column in columns]
        table.add_row(Text(_one_line(row.label), style=style), *figures)
    return table


def _table(run: Run) -> tuple[tuple[ScoreRow, ...], list[_Column]]:
    from xdistill.report.scores import score_rows

    rows = score_rows(run, (run.task.primary,))  # the only interval that the table shows
    return rows, list(_columns(run, rows))


def _columns(run: Run, rows: Sequence[ScoreRow]) -> Iterator[_Column]:
    """The first metrics of the task, that which ranks with its interval."""
    from xdistill.report.scores import columns as columns_of
    from xdistill.report.scores import is_binary

    for place, column in enumerate(columns_of(run.task)[: SHOWN_BINARY if is_binary(run) else SHOWN]):
        cells = tuple(_under_each_other([row.cell(column) for row in rows]))
        yield _Column(f"{column.title} %" if column.percent else column.title, cells, spare=place >= SHOWN)
        intervals = tuple(row.interval(column) for row in rows)
        if column.metric == run.task.primary and any(intervals):
            yield _Column("95 % interval", intervals)


def _under_each_other(figures: Sequence[str]) -> list[str]:
    parts = [figure.partition(" ± ") for figure in figures]
    left = max(len(mean) for mean, _, _ in parts)
    right = max(len(spread) for _, _, spread in parts)
    return [f"{mean:>{left}}{sign}{spread:>{right if sign else 0}}" for mean, sign, spread in parts]


def _caption(run: Run) -> str:
    from xdistill.report.controls import WHAT, gain_over_controls
    from xdistill.report.remarks.external import external_note
    from xdistill.report.remarks.teacher import teacher_note
    from xdistill.report.remarks.unlabelled import unlabelled_note
    from xdistill.report.scores import columns as columns_of
    from xdistill.report.scores import is_binary, missing_note, one_class_notes, spread_note

    shown = columns_of(run.task)[: SHOWN_BINARY if is_binary(run) else SHOWN]
    percent = all(column.percent for column in shown)
    lines = [f"{spread_note(run)}, in percent." if percent else f"{spread_note(run)}."]
    if is_binary(run):
        lines.append(f"The positive class is {_one_line(run.task.names[1])}.")
    if run.record["cohort"].get("synthetic"):
        lines.append(SYNTHETIC)
    if run.control:
        lines.append(f"Null control, not the method: {WHAT[run.control]}.")
    if missing_note(run):
        lines.append(missing_note(run))
    lines.extend(_one_line(note) for note in (external_note(run), teacher_note(run), unlabelled_note(run)) if note)
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
