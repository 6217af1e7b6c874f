"""The metric that ranks, such as the AUC, of each fold."""

from __future__ import annotations

import numpy as np

from xdistill.report.palette import INK, MUTED, ROLE_COLOUR, ROLE_MARKER
from xdistill.report.picture import Picture, new_picture, shorten, write
from xdistill.report.scores import bounds_of, called, primary_column, primary_words
from xdistill.runs import Run

CHANCE = 50.0  # percent
OF_CHANCE = frozenset({"auc_ovo", "label_auc"})
LETTERS = 75  # of a label that fit into the width of the picture


def folds_figure(run: Run) -> Picture:
    """The metric: one dot per fold, a bar at the mean; of an AUC, chance and the cohort's bounds as lines."""
    roles = run.predictions.roles()
    column = primary_column(run)
    factor = 100 if column.percent else 1
    bounds = {name: 100 * value for name, value in bounds_of(run).items()}
    picture, (axes,) = new_picture(1, 1, panel=(4.4, 0.9 + 0.42 * len(roles) + 0.16 * len(bounds)))
    for place, role in enumerate(roles):
        summary = run.metrics[role][column.metric]
        values = factor * np.array(summary.folds)
        colour = ROLE_COLOUR.get(role, MUTED)
        axes.scatter(
            values, place + _offsets(len(values)), s=26, color=colour, alpha=0.75, linewidths=0,
            marker=ROLE_MARKER.get(role), zorder=3,
        )  # fmt: skip
        axes.plot([factor * summary.mean] * 2, [place - 0.36, place + 0.36], color=INK, linewidth=1.6, zorder=4)
    shown = [factor * value for role in roles for value in run.metrics[role][column.metric].folds]
    floor = len(roles) - 0.45
    chance = column.metric in OF_CHANCE
    lowest = min([CHANCE, *shown]) if chance else min(shown)
    if chance:
        axes.plot([CHANCE] * 2, [floor, -0.5], color=MUTED, linewidth=0.8, linestyle=":")
    # The best possible value stands highest, so that no line runs through another's label.
    for place, (name, value) in enumerate(sorted(bounds.items(), key=lambda bound: bound[1])):
        height = -0.62 - 0.42 * place
        axes.plot([value] * 2, [floor, height - 0.3], color=MUTED, linewidth=0.9, linestyle="--")
        text = f"best possible with {shorten(name, most=26)}"
        ahead = value - lowest > (101 - lowest) * len(text) / LETTERS  # else there is no room for it
        side = "right" if ahead else "left"
        write(axes, value + (-0.7 if ahead else 0.7), height, text, color=MUTED, fontsize=7.5, ha=side)
    margin = 0.08 * (max(shown) - lowest) or 0.1 * abs(lowest) or 1.0
    span = (lowest - 2, 101) if chance else (lowest - margin, max(shown) + margin)
    axes.set(xlim=span, ylim=(floor, -0.55 - 0.42 * len(bounds)))
    axes.set_yticks(range(len(roles)), [called(run) if role == "student" else role for role in roles], color=INK)
    unit = "%" if column.percent else column.unit
    axes.set_xlabel(f"{primary_words(run)} of a fold{f', {shorten(unit)}' if unit else ''}", parse_math=False)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    return picture


def _offsets(count: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Small steps up and down, always the same, so that equal values do not hide each other."""
    return 0.22 * (np.arange(count) % 5 - 2) / 2
