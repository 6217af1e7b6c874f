"""The figures of a study: history, importances, parallel coordinates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.ticker import MaxNLocator

from xdistill.report.palette import INK, MUTED, RULE, STUDENT, TEACHER
from xdistill.report.picture import Picture, new_picture, shorten, write
from xdistill.tuning.report.trials import SearchRows, TrialRow, best_so_far, mean_importances
from xdistill.tuning.search.space import Space, labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from xdistill.recipe.schema.tuning import Search

ABSENT = -0.24  # where a line runs past a field that its trial did not search
MOST_LABELS = 6  # choices that are named on an axis
WIDE = (7.2, 3.2)


def history_figure(searches: Sequence[SearchRows], metric: str, *, maximise: bool) -> Picture:
    """Every complete trial's inner score as a dot, and the best so far of each search as a line."""
    picture, (axes,) = new_picture(1, 1, panel=WIDE)
    for search in searches:
        places = [trial.place for trial in search.complete]
        values = [float(trial.value or 0.0) for trial in search.complete]
        axes.scatter(places, values, s=12, color=MUTED, alpha=0.55, linewidths=0, zorder=2)
        best = best_so_far(values, maximise=maximise)
        axes.step(places, best, where="post", color=STUDENT, linewidth=1.3, alpha=0.85, zorder=3)
        if places:
            axes.scatter(places[-1:], best[-1:], s=18, color=STUDENT, marker="D", linewidths=0, zorder=4)
    given_up = sorted(trial.place for search in searches for trial in search.trials if trial.value is None)
    if given_up:
        axes.plot(given_up, [0.0] * len(given_up), "|", color=TEACHER, markersize=7, clip_on=False,
                  transform=axes.get_xaxis_transform(), zorder=4)  # fmt: skip
    axes.set_xlabel("trial of its search")
    axes.set_ylabel(f"inner {shorten(metric)}")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return picture


def importances_figure(searches: Sequence[SearchRows]) -> Picture | None:
    """How much each field mattered: a bar for the mean over the searches, one dot per search; None if unknown."""
    values = mean_importances(searches)
    if not values:
        return None
    picture, (axes,) = new_picture(1, 1, panel=(WIDE[0], 0.8 + 0.34 * len(values)))
    for place, shares in enumerate(values.values()):
        axes.barh(place, float(np.mean(shares)), height=0.55, color=RULE, zorder=2)
        axes.scatter(shares, [place] * len(shares), s=18, color=STUDENT, alpha=0.8, linewidths=0, zorder=3)
    axes.set_yticks(range(len(values)), [_tail(name) for name in values], color=INK)
    axes.set(ylim=(len(values) - 0.4, -0.6), xlim=(0, 1))
    axes.set_xlabel("importance for whether a trial is among the best")
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    return picture


def parallel_figure(searches: Sequence[SearchRows], space: Space, metric: str, *, maximise: bool) -> Picture | None:
    """One line per complete trial through all fields to its score; the winners of their searches in another colour."""
    trials = [trial for search in searches for trial in search.complete]
    if not trials:
        return None
    winners = {id(_best(search, maximise=maximise)) for search in searches if search.complete}
    names = list(space)
    picture, (axes,) = new_picture(1, 1, panel=(max(WIDE[0], 1.25 * (len(names) + 1)), 3.6))
    values = [float(trial.value or 0.0) for trial in trials]
    low, high = min(values), max(values)
    ranks = np.argsort(np.argsort([value if maximise else -value for value in values]))
    for trial, value, rank in zip(trials, values, ranks, strict=True):
        heights = [_height(space[name], trial.params[name]) if name in trial.params else ABSENT for name in names]
        heights.append(0.5 if high == low else (value - low) / (high - low))
        won = id(trial) in winners
        share = (int(rank) + 1) / len(trials)
        axes.plot(
            range(len(heights)), heights, color=TEACHER if won else STUDENT, linestyle="--" if won else "-",
            alpha=0.95 if won else 0.12 + 0.5 * share, linewidth=1.7 if won else 0.5 + 0.7 * share,
            zorder=3 if won else 2,
        )  # fmt: skip
    for place, name in enumerate(names):
        _scale(axes, place, space[name])
    _ticks(axes, len(names), [(0.0, f"{low:.3g}"), (1.0, f"{high:.3g}")])
    axes.set_xticks(range(len(names) + 1), [*(shorten(_last(name)) for name in names), shorten(metric)])
    axes.set(xlim=(-0.25, len(names) + 0.55), ylim=(ABSENT - 0.08, 1.1))
    axes.set_yticks([])
    axes.grid(visible=False)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    return picture


def _best(search: SearchRows, *, maximise: bool) -> TrialRow:
    sign = -1.0 if maximise else 1.0
    return min(search.complete, key=lambda trial: (sign * float(trial.value or 0.0), trial.place))


def _height(search: Search, value: Any) -> float:
    """Position of a value on its axis, 0 to 1."""
    if search.choices is not None:
        known = labels(search)
        return 0.5 if len(known) == 1 else known.index(value) / (len(known) - 1)
    low, high = float(search.low or 0.0), float(search.high or 0.0)
    if low == high:
        return 0.5
    if search.log:
        return math.log(value / low) / math.log(high / low)
    return (float(value) - low) / (high - low)


def _scale(axes: Axes, place: int, search: Search) -> None:
    if search.choices is None:
        _ticks(axes, place, [(0.0, f"{search.low:.3g}"), (1.0, f"{search.high:.3g}")])
        return
    known = labels(search)
    shown = known if len(known) <= MOST_LABELS else (known[0], known[-1])
    _ticks(axes, place, [(_height(search, label), shorten(_short(label), most=14)) for label in shown])


def _ticks(axes: Axes, place: int, marks: Sequence[tuple[float, str]]) -> None:
    axes.plot([place] * 2, [0, 1], color=MUTED, linewidth=0.8, zorder=1)
    for height, text in marks:
        down = height < 0.05  # noqa: PLR2004 - the lowest label stands below its axis, clear of the lines that meet there
        write(axes, place, height - 0.04 if down else height + 0.025, text, color=MUTED, fontsize=7, ha="center",
              va="top" if down else "bottom")  # fmt: skip


def _tail(name: str, most: int = 34) -> str:
    """The end of a field's name, which tells more than its beginning."""
    return name if len(name) <= most else "…" + name[1 - most :]


def _last(name: str) -> str:
    """The last part of a field's name; of an item of a list what it is an item of as well."""
    before, _, last = name.rpartition(".")
    return f"{before.rpartition('.')[2]}.{last}" if last.isdigit() and before else last


def _short(label: Any) -> str:
    """A choice in few letters: of a block the component that it names."""
    text = str(label)
    return text.partition('"use": "')[2].partition('"')[0] or text
