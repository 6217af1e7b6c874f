"""The tables as plain cells, for Markdown and the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from xdistill.bench.export import wording
from xdistill.bench.export.facts import Track, reference_title, reported_title
from xdistill.bench.export.notes import gap_reasons
from xdistill.bench.standings import Reported, Standing, Standings
from xdistill.report.scores import NOTHING
from xdistill.stats.compare import Row

CALIBRATION = ("brier", "ece")


@dataclass(frozen=True)
class Cell:
    """One figure or name.

    Attributes:
        text: not escaped.
        bold: whether it differs from the reference; a head is never bold.
        link: where the text leads to; empty for nowhere.
        figure: whether it stands to the right, under its like.
    """

    text: str
    bold: bool = False
    link: str = ""
    figure: bool = True


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        head: its heading.
        cells: one per entry.
        spare: where there is no room the column with the highest number goes first; those with 0 stay.
    """

    head: str
    cells: tuple[Cell, ...]
    spare: int = 0


@dataclass(frozen=True)
class Table:
    """Columns of one length.

    Attributes:
        columns: the first names the entries.
        notes: sentences about single cells.
    """

    columns: tuple[Column, ...]
    notes: tuple[str, ...] = ()

    def rows(self) -> tuple[tuple[Cell, ...], ...]:
        """The cells by entry."""
        return tuple(zip(*(column.cells for column in self.columns), strict=True))


def ranking(standings: Standings, track: Track) -> Table:
    """Rank, score by the primary metric, and the comparison with the reference."""
    primary, rows = standings.primary, [standing.rows[standings.primary] for standing in track.entries]
    name, reference = wording.metric_title(primary, standings), reference_title(standings)
    columns = [
        _method(track),
        Column(
            wording.style_of(primary).head(name),
            tuple(
                Cell(wording.score(row.scores, primary), bold=primary in standing.bold)
                for standing, row in zip(track.entries, rows, strict=True)
            ),
        ),
        _figures(
            f"{wording.level(rows[0].interval)} interval",
            [wording.interval(row.interval, primary) for row in rows],
            spare=2,
        ),
    ]
    if any(row.against is not None for row in rows):
        differences = [difference(standings, standing) for standing in track.entries]
        columns += [
            _figures(wording.style_of(primary).difference(reference), differences),
            _figures("95 % interval of the test", [difference_interval(row) for row in rows], spare=1),
            _figures("p (Holm)", [holm(row) for row in rows]),
            _figures("paper_compat p (anticonservative)", [paper_compat(row) for row in rows], spare=3),
        ]
    if track.ranked:
        columns.insert(0, _figures("Rank", [str(standing.rank or NOTHING) for standing in track.entries]))
    return Table(tuple(columns))


def figures(standings: Standings, track: Track) -> Table:
    """Everything else: other metrics, distillation, calibration, cost."""
    columns = [
        _method(replace(track, entries=tuple(replace(standing, link="") for standing in track.entries))),
        *_other_metrics(standings, track),
        *_distillation(track),
        *(
            _figures(wording.metric_title(name, standings), [calibration(standing, name) for standing in track.entries])
            for name in CALIBRATION
            if any(standing.calibration for standing in track.entries)
        ),
        _names("Tested on", [wording.listed(map(wording.one_line, standing.inputs)) for standing in track.entries]),
        _figures("Parameters", [wording.count(standing.parameters) for standing in track.entries]),
        *_times(track),
        _figures("Seeds", [str(standing.seeds) for standing in track.entries]),
        *_checked(standings, track),
        *reported_columns(standings, track),
    ]
    columns = [replace(column, spare=place) for place, column in enumerate(columns)]
    return Table(tuple(columns), notes=gap_reasons(standings, track.entries))


def reported_columns(standings: Standings, track: Track) -> tuple[Column, ...]:
    """What a publication states, one column per metric; none without such numbers in the track."""
    reservation = "another cohort" if standings.cohort.synthetic else "not ranked"
    return tuple(
        _figures(
            f"Reported {wording.metric_title(metric, standings)}, % ({reservation})",
            [reported(standing.reported.get(metric)) for standing in track.entries],
        )
        for metric in standings.metrics
        if reported_title(standings) and any(metric in standing.reported for standing in track.entries)
    )


def difference(standings: Standings, standing: Standing) -> str:
    """Difference to the reference, in points."""
    against = standing.rows[standings.primary].against
    if standing.entry == standings.reference:
        return "reference"
    return NOTHING if against is None else wording.points(against.test.difference, standings.primary)


def difference_interval(row: Row) -> str:
    """The differences that the corrected test does not reject."""
    return NOTHING if row.against is None else wording.interval(row.against.test.interval, row.metric, signed=True)


def holm(row: Row) -> str:
    """The adjusted p of the corrected test."""
    return wording.p_value(None if row.against is None else row.against.p_holm)


def paper_compat(row: Row) -> str:
    """The p of the naive test."""
    test = None if row.against is None else row.against.paper_compat
    return wording.p_value(None if test is None else test.p_value)


def calibration(standing: Standing, name: str) -> str:
    """Brier score or calibration error."""
    return wording.fraction(standing.calibration.get(name))


def reported(value: Reported | None) -> str:
    """``71.46 ± 1.84`` as a publication states it; a single number where it states no deviation."""
    if value is None:
        return NOTHING
    mean = wording.percent(value.mean)
    return mean if value.sd is None else f"{mean} ± {wording.percent(value.sd)}"


def _other_metrics(standings: Standings, track: Track) -> Iterator[Column]:
    for metric in standings.metrics:
        if metric != standings.primary:
            yield Column(
                wording.style_of(metric).head(wording.metric_title(metric, standings)),
                tuple(
                    Cell(wording.score(standing.rows[metric].scores, metric), bold=metric in standing.bold)
                    for standing in track.entries
                ),
            )


def _distillation(track: Track) -> Iterator[Column]:
    if any(standing.gap is not None for standing in track.entries):
        shares = [wording.share(standing.gap.share if standing.gap else None) for standing in track.entries]
        yield _figures("Gap closed", shares)
    if any(standing.agreement is not None for standing in track.entries):
        yield _figures("Agreement, %", [wording.score(standing.agreement) for standing in track.entries])


def _times(track: Track) -> Iterator[Column]:
    """Training times; nothing where they cannot be compared."""
    times = [standing.seconds for standing in track.entries]
    if any(value is not None for value in times):
        texts = [NOTHING if value is None else wording.seconds(value) for value in times]
        yield _figures("Training of a fold", texts)


def _method(track: Track) -> Column:
    return Column(
        "Method",
        tuple(Cell(wording.one_line(standing.title), link=standing.link, figure=False) for standing in track.entries),
    )


def _checked(standings: Standings, track: Track) -> Iterator[Column]:
    """Who replayed or signed the rows; left out where nothing was, which a note says."""
    if any(standing.said for standing in standings.entries):
        yield _names("Checked", [wording.one_line(standing.checked) for standing in track.entries])


def _figures(head: str, texts: list[str], *, spare: int = 0) -> Column:
    return Column(head, tuple(Cell(text) for text in texts), spare)


def _names(head: str, texts: list[str]) -> Column:
    return Column(head, tuple(Cell(text, figure=False) for text in texts))
