"""One figure of a leaderboard: scores with intervals, and differences to the reference with those of the test."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from xdistill.bench.export import facts, wording
from xdistill.report.palette import INK, MUTED, STUDENT, TEACHER
from xdistill.report.picture import Picture, entitle, new_picture, shorten

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from xdistill.bench.standings import Standing, Standings

_ROW: Final = 0.27  # inches
_WIDTH: Final = 3.9
_LONGEST: Final = 28  # characters of a method's name
_TRACKS: Final = {  # marker, colour, label
    "privileged": ("s", TEACHER, "privileged data at test time"),
    "control": ("^", MUTED, "control"),
}


def standings_figure(standings: Standings) -> Picture:
    """Every entry by the primary metric, ranked ones first; the best possible score as dashed lines."""
    entries = [standing for track in facts.tracks(standings) for standing in track.entries]
    compared = facts.compared(standings)
    height = 1.0 + _ROW * len(entries)
    picture, panels = new_picture(1 + compared, 2, panel=(_WIDTH, height), sharey=True)
    _scores(panels[0], standings, entries)
    if compared:
        _differences(panels[1], standings, entries)
    panels[0].set_yticks(range(len(entries)), [shorten(standing.title, most=_LONGEST) for standing in entries])
    panels[0].set_ylim(len(entries) - 0.5, -0.5)
    handles, labels = panels[0].get_legend_handles_labels()
    named = dict(zip(labels, handles, strict=True))
    picture.legend(named.values(), named, loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    return picture


def _scores(axes: Axes, standings: Standings, entries: Sequence[Standing]) -> None:
    style = wording.style_of(standings.primary)
    for place, standing in enumerate(entries):
        row = standing.rows[standings.primary]
        if standing.entry == standings.reference:
            axes.axvline(style.factor * row.scores.mean, color=MUTED, linewidth=0.8)
        ends = (style.factor * row.interval.low, style.factor * row.interval.high)
        _draw(axes, place, standing, style.factor * row.scores.mean, ends)
    if standings.primary == facts.BOUNDED:
        for value in standings.cohort.bounds.values():
            axes.axvline(style.factor * value, color=INK, linewidth=0.9, linestyle="--", label="best possible")
    entitle(axes, style.head(wording.metric_title(standings.primary, standings)))


def _differences(axes: Axes, standings: Standings, entries: Sequence[Standing]) -> None:
    style = wording.style_of(standings.primary)
    axes.axvline(0, color=MUTED, linewidth=0.8)
    for place, standing in enumerate(entries):
        against = standing.rows[standings.primary].against
        if against is None:
            continue
        ends = against.test.interval
        scaled = None if ends is None else (style.factor * ends[0], style.factor * ends[1])
        _draw(axes, place, standing, style.factor * against.test.difference, scaled)
    entitle(axes, style.difference(shorten(facts.reference_title(standings), most=_LONGEST)))


def _draw(axes: Axes, place: int, standing: Standing, value: float, ends: tuple[float, float] | None) -> None:
    kind = "taught by a teacher" if standing.agreement is not None else "not taught by a teacher"
    marker, colour, label = _TRACKS.get(standing.track, ("o", STUDENT, kind))
    if ends is not None:
        axes.plot(ends, (place, place), color=colour, linewidth=1.2)
    inside = colour if standing.agreement is not None else "white"
    axes.plot(value, place, marker, color=colour, markersize=5, markerfacecolor=inside, label=label, linestyle="none")


def write_figure(picture: Picture, path: Path, *, salt: str) -> None:
    """Write a figure; the ending decides the format, such as ``.svg`` or ``.png``. The same figure, the same bytes.

    Args:
        picture: the figure.
        path: of the file; it replaces one that exists when it is complete.
        salt: from which the ids in an SVG are made.
    """
    from matplotlib import rc_context

    from xdistill.runs.files import explained, written_whole

    metadata = {"Date": None} if path.suffix == ".svg" else {}
    with written_whole(path) as temporary, explained(path), rc_context({"svg.hashsalt": salt}):
        picture.savefig(temporary, format=path.suffix[1:], dpi=144, metadata=metadata)
