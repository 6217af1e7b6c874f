"""The reliability diagram."""

from __future__ import annotations

from typing import Final

from matplotlib.axes import Axes

from xdistill.report.palette import MUTED, ROLE_COLOUR, ROLE_LINE, ROLE_MARKER
from xdistill.report.picture import Picture, new_picture, write
from xdistill.report.scores import called
from xdistill.runs import Run
from xdistill.stats.metrics import calibration_bins

BINS: Final = 10


def reliability_figure(run: Run) -> Picture:
    """Accuracy against the probability of the named class, in ten bins over the test subjects of all folds.

    A dot's area grows with the subjects in its bin. The figures named in it are the means over folds of the
    expected calibration error, as in the table.
    """
    picture, (axes,) = new_picture(1, 1, panel=(3.6, 3.3))
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.6, linestyle=":")
    roles = run.predictions.roles()
    for role in reversed(roles):  # the student last, so that nothing hides it
        _draw(axes, run, role)
    for place, role in enumerate(roles):
        error = run.metrics[role]["ece"].mean
        name = called(run) if role == "student" else role
        write(axes, 0.03, 0.93 - 0.08 * place, f"{name}, ECE {error:.3f}", color=ROLE_COLOUR.get(role, MUTED))
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), box_aspect=1)
    axes.set_xlabel("probability of the predicted class")
    axes.set_ylabel("share of correct predictions")
    return picture


def _draw(axes: Axes, run: Run, role: str) -> None:
    pooled = run.predictions.pooled(role)
    confidence, right, count = calibration_bins(pooled.target, pooled.probabilities, bins=BINS)
    used = count > 0
    colour = ROLE_COLOUR.get(role, MUTED)
    axes.plot(
        confidence[used],
        right[used],
        color=colour,
        linestyle=ROLE_LINE.get(role),
        linewidth=1.2,
        zorder=4 if role == "student" else 3,
    )
    axes.scatter(
        confidence[used],
        right[used],
        s=8 + 120 * count[used] / count.sum(),
        color=colour,
        marker=ROLE_MARKER.get(role),
        linewidths=0,
        zorder=4 if role == "student" else 3,
    )
