"""The AUC of each fold."""

from __future__ import annotations

import numpy as np

from xdistill.report.palette import INK, MUTED, ROLE_COLOUR, ROLE_MARKER
from xdistill.report.picture import Picture, new_picture, shorten, write
from xdistill.report.scores import called, primary_words
from xdistill.runs import Run

CHANCE = 50.0  # percent
LETTERS = 75  # of a label that fit into the width of the picture


def folds_figure(run: Run) -> Picture:
    """The AUC in percent: a dot a fold, a bar at the mean, and the cohort's bounds as lines."""
    roles = run.predictions.roles()
    bounds = {name: 100 * float(value) for name, value in (run.record["cohort"].get("bounds") or {}).items()}
    picture, (axes,) = new_picture(1, 1, panel=(4.4, 0.9 + 0.42 * len(roles) + 0.16 * len(bounds)))
    for place, role in enumerate(roles):
        summary = run.metrics[role]["auc_ovo"]
        values = 100 * np.array(summary.folds)
        colour = ROLE_COLOUR.get(role, MUTED)
        axes.scatter(
            values, place + _offsets(len(values)), s=26, color=colour, alpha=0.75, linewidths=0,
            marker=ROLE_MARKER.get(role), zorder=3,
        )  # fmt: skip
        axes.plot([100 * summary.mean] * 2, [place - 0.36, place + 0.36], color=INK, linewidth=1.6, zorder=4)
    lowest = min([CHANCE, *(100 * value for role in roles for value in run.metrics[role]["auc_ovo"].folds)])
    floor = len(roles) - 0.45
    axes.plot([CHANCE] * 2, [floor, -0.5], color=MUTED, linewidth=0.8, linestyle=":")
    # The best possible value stands highest, so that no line runs through another's label.
    for place, (name, value) in enumerate(sorted(bounds.items(), key=lambda bound: bound[1])):
        height = -0.62 - 0.42 * place
        axes.plot([value] * 2, [floor, height - 0.3], color=MUTED, linewidth=0.9, linestyle="--")
        text = f"best possible with {shorten(name, most=26)}"
        ahead = value - lowest > (101 - lowest) * len(text) / LETTERS  # else there is no room for it
        side = "right" if ahead else "left"
        write(axes, value + (-0.7 if ahead else 0.7), height, text, color=MUTED, fontsize=7.5, ha=side)
    axes.set(xlim=(lowest - 2, 101), ylim=(floor, -0.55 - 0.42 * len(bounds)))
    axes.set_yticks(range(len(roles)), [called(run) if role == "student" else role for role in roles], color=INK)
    axes.set_xlabel(f"{primary_words(run)} of a fold, %")
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    return picture


def _offsets(count: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Small steps up and down, always the same, so that equal values do not hide each other."""
    return 0.22 * (np.arange(count) % 5 - 2) / 2
