"""How figures are written, on the page and on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xdistill.deployment.evaluate.drift import Grid
from xdistill.deployment.evaluate.result import Difference, Estimate
from xdistill.interfaces.reader import GridSummary
from xdistill.tasks import Task

NOTHING = "–"  # noqa: RUF001 - a dash where a table has no figure
Titles = Mapping[str, tuple[str, bool]]


def metric_titles(task: Task) -> Titles:
    """Title, with the unit, and whether it is shown in percent, by metric."""
    return {
        score.name: (f"{score.title} ({score.unit})" if score.unit else score.title, score.percent)
        for score in task.scores
    }


def figure(found: Estimate, *, factor: float = 1, digits: int = 3) -> str:
    """``0.812 (0.740 to 0.881)``; a dash where it is not defined."""
    if found.value is None:
        return NOTHING
    value = f"{factor * found.value:.{digits}f}"
    if found.low is None or found.high is None:
        return value
    return f"{value} ({factor * found.low:.{digits}f} to {factor * found.high:.{digits}f})"


def percent(found: Estimate) -> str:
    """``81.2 (74.0 to 88.1)``."""
    return figure(found, factor=100, digits=1)


def shown(titles: Titles, name: str, found: Estimate) -> str:
    """An estimate with its interval, in percent where the metric is."""
    return percent(found) if titles.get(name, ("", True))[1] else figure(found)


def difference(titles: Titles, name: str, found: Difference) -> tuple[str, str, str, str]:
    """Both values, the difference with its interval, and the p-value."""
    factor, digits = (100.0, 1) if titles.get(name, ("", True))[1] else (1.0, 3)

    def number(value: float | None, sign: str = "") -> str:
        return NOTHING if value is None else f"{factor * value:{sign}.{digits}f}"

    change = found.difference
    interval = "" if change.low is None else f" ({number(change.low, '+')} to {number(change.high, '+')})"
    p_value = NOTHING if found.p_value is None else f"{found.p_value:.3f}"
    return number(found.model), number(found.against), number(change.value, "+") + interval, p_value


def grid_rows(grid: Grid) -> list[dict[str, str]]:
    """One row per axis of a modality's files, as texts."""

    def shown_axis(axes: Sequence[tuple[float, float, float]], place: int) -> str:
        if place >= len(axes):
            return NOTHING
        low, middle, high = (f"{value:.4g}" for value in axes[place])
        return middle if low == high else f"{middle} ({low} to {high})"

    training = grid.training or GridSummary(0)
    return [
        {
            "axis": "xyz"[place] if place < len("xyz") else str(place + 1),
            "size": shown_axis(grid.here.size, place),
            "training_size": shown_axis(training.size, place),
            "spacing": shown_axis(grid.here.spacing, place),
            "training_spacing": shown_axis(training.spacing, place),
        }
        for place in range(max(len(grid.here.size), len(grid.here.spacing)))
    ]
