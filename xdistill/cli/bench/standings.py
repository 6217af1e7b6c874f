"""A benchmark's tables on a terminal, and as plain text in a file."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from rich.table import Table
from rich.text import Text

from xdistill.cli.console import stdout

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

    from xdistill.bench.export.tables import Cell
    from xdistill.bench.export.tables import Table as Figures
    from xdistill.bench.standings import Standings

NAME_WIDTH: Final = 12
_MARK_STYLE: Final = {True: "green", False: "red", None: "yellow"}


def print_standings(standings: Standings, console: Console | None = None, *, everything: bool = False) -> None:
    """Print the ranking and what is needed to read it; nothing is taken for markup.

    Args:
        standings: what the tables hold.
        console: standard output by default.
        everything: also print other metrics, distillation, calibration, cost and reported numbers.
    """
    from xdistill.bench.export.facts import SYNTHETIC, facts, finding, reported_title, tracks
    from xdistill.bench.export.notes import missing_note, notes, other_versions
    from xdistill.bench.export.tables import figures, ranking
    from xdistill.bench.export.wording import one_line

    console = console or stdout()
    _say(console, one_line(standings.title), style="bold")
    if standings.cohort.synthetic:
        _say(console, f"{SYNTHETIC}.", style="yellow")
    for name, value in facts(standings):
        _say(console, f"{name}: {value}", style="dim")
    for track in tracks(standings):
        _say(console, "")
        _table(console, track.title, ranking(standings, track))
        if everything:
            table = figures(standings, track)
            _table(console, f"{track.title}: all figures", table)
            for note in table.notes:
                _say(console, note)
            if any(standing.reported for standing in track.entries):
                _say(console, f"{reported_title(standings)}.")
    _say(console, "")
    for line in filter(None, (finding(standings), missing_note(standings))):
        _say(console, line)
    _expectations(console, standings)
    for note in notes(standings) if everything else (*other_versions(standings), _short_note(standings)):
        _say(console, note, style="dim")


def _short_note(standings: Standings) -> str:
    from xdistill.bench.export.facts import reference_title, splits
    from xdistill.report.scores import FEWEST
    from xdistill.stats.compare import ALPHA

    spread = standings.cohort.folds * standings.cohort.repeats >= FEWEST
    what = "± is the standard deviation (ddof 1)" if spread else "Means are"
    return (
        f"{what} over {splits(standings)}. The corrected resampled t-test decides; a star is a method better than "
        f"{reference_title(standings)} with a Holm-adjusted p below {ALPHA:g}. paper_compat is anticonservative and "
        f"decides nothing."
    )


def _expectations(console: Console, standings: Standings) -> None:
    from xdistill.bench.export.facts import expectation_mark, expectation_word
    from xdistill.bench.export.wording import one_line

    for one in standings.expectations:
        mark = Text(f"{expectation_mark(one.holds)} ", style=_MARK_STYLE[one.holds])
        text = f"{one_line(one.text)}: {expectation_word(one.holds)}. {one_line(one.evidence)}"
        console.print(mark + Text(text), soft_wrap=not console.is_terminal)


def _table(console: Console, title: str, figures: Figures) -> None:
    """Ruled on a terminal, without the columns that it has no room for; as aligned plain text elsewhere."""
    if not console.is_terminal:
        console.print(Text("\n".join([title, *_aligned(figures)])), soft_wrap=True)
        return
    narrower, left_out = _fitting(console, figures)
    console.print(_ruled(title, narrower))
    if left_out:
        _say(
            console,
            f"Columns left out: {'; '.join(left_out)}. Widen the terminal, or write the table to a file.",
            style="dim",
        )


def _fitting(console: Console, figures: Figures) -> tuple[Figures, list[str]]:
    """The table without the columns that it can spare most, until it fits; and the heads of those."""
    boundless = console.options.update(max_width=1000)
    left_out: list[str] = []
    while console.measure(_ruled("", figures), options=boundless).minimum > console.width:
        widest = max(figures.columns, key=lambda column: column.spare)
        if not widest.spare:
            break
        left_out.insert(0, widest.head)
        figures = replace(figures, columns=tuple(column for column in figures.columns if column is not widest))
    return figures, left_out


def _ruled(title: str, figures: Figures) -> Table:
    from rich import box

    table = Table(
        title=Text(title, style="bold"),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    for column, texts in zip(figures.columns, _columns(figures), strict=True):
        is_figure = column.cells[0].figure
        # Heads and names may wrap; figures are never cut.
        word = max(map(len, column.head.split()))
        width = max(word, max(map(len, texts)) if is_figure else min(NAME_WIDTH, max(map(len, texts))))
        table.add_column(Text(column.head), justify="right" if is_figure else "left", min_width=width)
    for place, row in enumerate(figures.rows()):
        table.add_row(
            *(
                Text(texts[place], style="bold" if cell.bold else "", no_wrap=cell.figure)
                for texts, cell in zip(_columns(figures), row, strict=True)
            )
        )
    return table


def _aligned(figures: Figures) -> Iterator[str]:
    columns = [[column.head, *texts] for column, texts in zip(figures.columns, _columns(figures), strict=True)]
    justify = [str.rjust if column.cells[0].figure else str.ljust for column in figures.columns]
    widths = [max(map(len, texts)) for texts in columns]
    for line in zip(*columns, strict=True):
        yield "  ".join(place(text, width) for place, text, width in zip(justify, line, widths, strict=True)).rstrip()


def _columns(figures: Figures) -> list[list[str]]:
    """Texts by column; deviations are aligned, and a star marks significant differences from the reference."""
    return [_under_each_other(column.cells) for column in figures.columns]


def _under_each_other(cells: Sequence[Cell]) -> list[str]:
    starred = any(cell.bold for cell in cells)
    parts = [cell.text.partition(" ± ") for cell in cells]
    right = max(len(spread) for _, _, spread in parts)
    texts = [f"{mean}{sign}{spread:>{right if sign else 0}}" for mean, sign, spread in parts]
    return [text + (("*" if cell.bold else " ") if starred else "") for text, cell in zip(texts, cells, strict=True)]


def _say(console: Console, line: str, *, style: str = "") -> None:
    console.print(Text(line, style=style), soft_wrap=not console.is_terminal)
