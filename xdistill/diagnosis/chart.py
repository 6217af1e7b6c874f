"""One figure of a diagnosis: what the teacher knows more, what reaches the student, and what the test can show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from xdistill.diagnosis.figures import Advantage, Figures
from xdistill.report.palette import INK, MUTED, STUDENT, TEACHER
from xdistill.report.picture import Picture, entitle, new_picture, shorten, svg_markup
from xdistill.untrusted.text import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROW: Final = 0.34  # inches


def diagnosis_figure(found: Figures) -> Picture:
    """The differences to the student alone with their 95 % intervals; a line at the smallest gain shown.

    Args:
        found: of the diagnosis; the axis is in points or in the metric's unit, and above zero is better.
    """
    rows = advantages(found)
    picture, (axes,) = new_picture(1, 1, panel=(6.4, 1.0 + _ROW * len(rows)))
    factor = 100 if found.percent else 1
    unit = ", points" if found.percent else f", {shorten(found.unit)}" if found.unit else ""
    for place, (label, advantage) in enumerate(rows.items()):
        colour = TEACHER if label == "teacher" else STUDENT
        ends = (factor * advantage.low, factor * advantage.high)
        axes.plot(ends, (place, place), color=colour, linewidth=1.4)
        axes.plot(factor * advantage.estimate, place, "s" if label == "teacher" else "o", color=colour, markersize=5)
    axes.axvline(0, color=INK, linewidth=0.9)
    _test(axes, factor * found.power.own)
    axes.set_yticks(range(len(rows)), list(rows))
    axes.set_ylim(len(rows) - 0.5, -0.5)
    entitle(axes, f"Better than the student alone{unit}")
    return picture


def diagnosis_chart(found: Figures) -> str:
    """The figure as an ``<svg>`` element, with the same in words for screen readers."""
    said = [
        f"{label} {found.amount(advantage.estimate, '+')} ({found.span(advantage.low, advantage.high)})"
        for label, advantage in advantages(found).items()
    ]
    said.append(f"smallest gain that the test can show: {found.amount(found.power.own)}.")
    return svg_markup(diagnosis_figure(found), prefix="diagnosis", alt=printable("; ".join(said)))


def advantages(found: Figures) -> dict[str, Advantage]:
    """What is compared with the student alone, by its name in the figure."""
    rows = {"teacher": found.lead}
    if found.fidelity is not None:
        rows["student that imitates the teacher"] = found.fidelity.gain
    if found.room is not None:
        rows["student of labels and teacher"] = found.room.gain
    return rows


def _test(axes: Axes, smallest: float) -> None:
    """The smallest gain that the recipe's own test can show, unless it is far beyond what is drawn."""
    low, high = axes.get_xlim()
    if smallest < high + (high - low):
        axes.axvline(smallest, color=MUTED, linewidth=0.9, linestyle="--", label="smallest gain that the test can show")
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), frameon=False, fontsize=8, labelcolor=MUTED)
