"""The confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from matplotlib.colors import to_rgba
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from xdistill.report.palette import INK, MUTED, ROLE_COLOUR, RULE
from xdistill.report.picture import Picture, new_picture, shorten, write
from xdistill.runs import Run
from xdistill.tasks import Classification

STRONGEST: Final = 0.55  # opacity of a cell that holds its whole row: ink is still read on it, light or dark
AXIS_LETTERS: Final = 24  # that fit side by side below the matrix
ROOMY: Final = 5  # classes; with more of them the shares alone fit the cells


def confusion_counts(run: Run, role: str = "student") -> NDArray[np.int64]:
    """Test subjects of all folds by true class (rows) and predicted class (columns)."""
    pooled = run.predictions.pooled(role)
    size, task = len(run.classes), run.task
    assert isinstance(task, Classification)  # noqa: S101 - other tasks have no confusion matrix
    cells = pooled.target * size + task.predicted(pooled.probabilities)
    return np.bincount(cells, minlength=size * size).reshape(size, size).astype(np.int64)


def confusion_figure(run: Run, *, role: str = "student") -> Picture:
    """Counts and shares of each row; every subject is in it once per repeat, as it was tested."""
    return matrix_figure(confusion_counts(run, role), run.classes, colour=ROLE_COLOUR.get(role, MUTED))


def matrix_figure(counts: NDArray[np.int64], classes: Sequence[str], *, colour: str) -> Picture:
    """Counts ``(true, predicted)`` and shares of each row."""
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = len(classes)
    picture, (axes,) = new_picture(1, 1, panel=(3.6, 3.3))
    for row, column in np.ndindex(size, size):
        shade = to_rgba(colour, STRONGEST * shares[row, column])
        cell = Rectangle((column - 0.48, row - 0.48), 0.96, 0.96, facecolor=shade, edgecolor=RULE, linewidth=0.6)
        axes.add_patch(cell)
        weight = "bold" if row == column else "normal"
        if size <= ROOMY:
            write(axes, column, row - 0.06, str(counts[row, column]), ha="center", va="bottom", fontweight=weight)
            write(axes, column, row + 0.08, f"{shares[row, column]:.0%}", ha="center", va="top", fontsize=7.5)
        else:
            write(axes, column, row, f"{100 * shares[row, column]:.0f}", ha="center", va="center", fontsize=7.5)
    names = [shorten(name, most=18 if size <= ROOMY else 10) for name in classes]
    crowded = max(map(len, names)) * size > AXIS_LETTERS
    slanted: dict[str, Any] = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"} if crowded else {}
    axes.set_xticks(range(size), names, parse_math=False, color=INK, **slanted)
    axes.set_yticks(range(size), names, parse_math=False, color=INK)
    axes.set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5), aspect="equal")
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    axes.grid(visible=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return picture
