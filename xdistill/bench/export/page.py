"""The leaderboard as one self-contained HTML page, sorted without a script and sortable with one."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from xdistill.bench.export import facts, notes, tables, wording
from xdistill.bench.export.drawing import HEIGHT, Axis, Line, Marks, axis_over, marks
from xdistill.bench.export.facts import Track
from xdistill.bench.standings import Standing, Standings
from xdistill.report.scores import FEWEST

if TYPE_CHECKING:
    import jinja2

    from xdistill.stats.compare import Row

SCORE_WIDTH: Final = 300.0
DIFFERENCE_WIDTH: Final = 240.0
SCRIPT: Final = "leaderboard.js"


@dataclass(frozen=True)
class Chart:
    """A column of small drawings.

    Attributes:
        axis: that its rows share.
        lines: that go through all of them.
        rows: marks and the text for readers who cannot see them, one per entry.
    """

    axis: Axis
    lines: tuple[Line, ...]
    rows: tuple[tuple[Marks | None, str], ...]


@dataclass(frozen=True)
class View:
    """A track as the page shows it.

    Attributes:
        track: the entries.
        scores: their scores by the primary metric, drawn.
        differences: those to the reference; None where no entry has one.
        stated: the metrics that a publication reports for them.
        reasons: why some have no share of the gap.
    """

    track: Track
    scores: Chart
    differences: Chart | None
    stated: tuple[str, ...]
    reasons: tuple[str, ...]


def write(standings: Standings) -> str:
    """The page; it loads nothing, and says so to the browser."""
    environment = _environment()
    script = environment.get_template(SCRIPT).render()
    return (
        environment.get_template("leaderboard.html.j2").render(
            standings=standings,
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
            views=[_view(standings, track) for track in facts.tracks(standings)],
            finding=facts.finding(standings),
            facts=facts.facts(standings),
            synthetic=facts.SYNTHETIC,
            reference=facts.reference_title(standings),
            primary=wording.metric_title(standings.primary, standings),
            bounded=standings.primary == facts.BOUNDED,
            style=wording.style_of(standings.primary),
            spread=standings.cohort.folds * standings.cohort.repeats >= FEWEST,
            reported_title=facts.reported_title(standings),
            missing=notes.missing_note(standings),
            notes=notes.notes(standings),
            height=HEIGHT,
            wording=wording,
            tables=tables,
            mark=facts.expectation_mark,
            word=facts.expectation_word,
        )
        + "\n"
    )


def score_chart(standings: Standings, track: Track) -> Chart:
    """Folds, mean and interval of each entry by the primary metric, in percent."""
    primary, factor = standings.primary, wording.style_of(standings.primary).factor
    rows = [standing.rows[primary] for standing in track.entries]
    lines = [
        Line(factor * standing.rows[primary].scores.mean, "reference")
        for standing in standings.entries
        if standing.entry == standings.reference
    ]
    if primary == facts.BOUNDED:
        lines += [Line(factor * value, "bound") for value in standings.cohort.bounds.values()]
    values = [value for row in rows for value in (*row.scores.folds, row.interval.low, row.interval.high)]
    axis = axis_over([*(factor * value for value in values), *(line.value for line in lines)], width=SCORE_WIDTH)
    return Chart(
        axis,
        tuple(lines),
        tuple(_score(axis, standing, row) for standing, row in zip(track.entries, rows, strict=True)),
    )


def difference_chart(standings: Standings, track: Track) -> Chart | None:
    """Mean difference to the reference and the interval of the corrected test, in points."""
    rows = [standing.rows[standings.primary] for standing in track.entries]
    values = [
        value
        for row in rows
        if row.against is not None
        for value in (row.against.test.difference, *(row.against.test.interval or ()))
    ]
    if not values:
        return None
    factor = wording.style_of(standings.primary).factor
    axis = axis_over([0.0, *(factor * value for value in values)], width=DIFFERENCE_WIDTH)
    drawn = tuple(_difference(axis, standing, row) for standing, row in zip(track.entries, rows, strict=True))
    return Chart(axis, (Line(0.0, "zero"),), drawn)


def _view(standings: Standings, track: Track) -> View:
    return View(
        track=track,
        scores=score_chart(standings, track),
        differences=difference_chart(standings, track),
        stated=tuple(name for name in standings.metrics if any(name in one.reported for one in track.entries)),
        reasons=notes.gap_reasons(standings, track.entries),
    )


def _score(axis: Axis, standing: Standing, row: Row) -> tuple[Marks, str]:
    style = wording.style_of(row.metric)
    folds = [style.factor * value for value in row.scores.folds]
    bounds = (style.factor * row.interval.low, style.factor * row.interval.high)
    unit = " percent" if style.percent else ""
    label = (
        f"{wording.one_line(standing.title)}: mean {wording.percent(row.scores.mean, row.metric)}{unit}, "
        f"{wording.level(row.interval)} interval {wording.interval(row.interval, row.metric)}; single folds from "
        f"{min(folds):.{1 if style.percent else 3}f} to {max(folds):.{1 if style.percent else 3}f}."
    )
    return marks(axis, estimate=style.factor * row.scores.mean, interval=bounds, dots=folds), label


def _difference(axis: Axis, standing: Standing, row: Row) -> tuple[Marks | None, str]:
    name = wording.one_line(standing.title)
    if row.against is None:
        return None, f"{name}: the reference."
    test = row.against.test
    style = wording.style_of(row.metric)
    bounds = None if test.interval is None else (style.factor * test.interval[0], style.factor * test.interval[1])
    result = (
        "no interval, since all splits differ by the same"
        if bounds is None
        else (f"95 % interval {wording.interval(test.interval, row.metric, signed=True)}")
    )
    label = f"{name}: {wording.points(test.difference, row.metric)}{style.points}, {result}."
    return marks(axis, estimate=style.factor * test.difference, interval=bounds), label


def _environment() -> jinja2.Environment:
    import jinja2

    return jinja2.Environment(
        # The report's stylesheet comes first, so that both pages keep one look.
        loader=jinja2.ChoiceLoader([jinja2.PackageLoader("xdistill.bench"), jinja2.PackageLoader("xdistill.report")]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
