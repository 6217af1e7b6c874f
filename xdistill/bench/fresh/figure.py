"""One figure: gain against training size, a panel for each value of the setting that varies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from xdistill.bench.fresh.table import Gain, GainTable
from xdistill.report.palette import INK, MUTED, STUDENT, TEACHER
from xdistill.report.picture import Picture, entitle, new_picture, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# After Okabe and Ito (2008), as the report's palette; markers tell the lines apart without colour.
_COLOURS: Final = (STUDENT, TEACHER, "#00795a", "#a8457c", "#8a6d00", "#3d6d91", MUTED, "#6b4fa0")
_MARKERS: Final = "osD^vPX*"
_SPREAD: Final = 0.05  # of the logarithmic axis, so that intervals do not hide each other


def gain_figure(table: GainTable) -> Picture:
    """The gain over the reference in points, with 95 % intervals; the oracle's as a dashed line above."""
    values = table.values
    picture, panels = new_picture(len(values), 3, panel=(3.6, 3.4), sharey=True)
    entries = list(dict.fromkeys(gain.entry for gain in table.gains if gain.difference is not None))
    for axes, value in zip(panels, values, strict=True):
        for place, entry in enumerate(entries):
            line = [gain for gain in table.gains if (gain.entry, gain.value) == (entry, value) and gain.difference]
            _draw(axes, line, place, len(entries), oracle=entry == table.oracle)
        axes.axhline(0, color=INK, linewidth=0.8)
        _horizontal(axes, table)
        entitle(axes, f"{table.setting}: {shorten(value)}" if value else shorten(table.title, most=48))
    panels[0].set_ylabel(f"gain over {shorten(table.reference)}, points")
    handles, labels = panels[0].get_legend_handles_labels()
    picture.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False, fontsize=8)
    return picture


def _draw(axes: Axes, line: list[Gain], place: int, count: int, *, oracle: bool) -> None:
    if not line:
        return
    shift = 1 + _SPREAD * (place - (count - 1) / 2)
    means = [100 * gain.difference.mean for gain in line if gain.difference]
    halves = [
        100 * (gain.difference.interval[1] - gain.difference.mean)
        if gain.difference and gain.difference.interval
        else 0
        for gain in line
    ]
    axes.errorbar(
        [gain.train * shift for gain in line],
        means,
        yerr=halves,
        color=INK if oracle else _COLOURS[place % len(_COLOURS)],
        linestyle="--" if oracle else "-",
        linewidth=1.3,
        elinewidth=0.9,
        capsize=1.5,
        marker="none" if oracle else _MARKERS[place % len(_MARKERS)],
        markersize=4,
        label=shorten(line[0].title, most=40),
    )


def _horizontal(axes: Axes, table: GainTable) -> None:
    sizes = sorted({gain.train for gain in table.gains})
    axes.set_xscale("log")
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.minorticks_off()
    axes.set_xlabel("training subjects")
