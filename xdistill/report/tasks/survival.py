"""How the subjects survive whom a network gives a low, a middle and a high risk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from xdistill.report.palette import INK, MUTED, ROLE_COLOUR
from xdistill.report.picture import Picture, entitle, new_picture, svg_markup
from xdistill.report.scores import called
from xdistill.report.tasks.section import Section
from xdistill.runs import Run
from xdistill.tasks import Survival
from xdistill.tasks.hazards import kaplan_meier, kaplan_meier_curve

Floats = NDArray[np.float64]
GROUPS: Final = ("low", "middle", "high")
_LINES: Final = ("-", "--", ":")


@dataclass(frozen=True)
class RiskGroup:
    """Test subjects of similar risk.

    Attributes:
        name: one of `GROUPS`.
        target: time and event, ``(subjects, 2)``.
        predictions: ``(subjects, columns)``.
    """

    name: str
    target: Floats
    predictions: Floats


def survival_sections(run: Run) -> tuple[Section, ...]:
    """Kaplan-Meier curves of the groups, and a table of them."""
    task = run.task
    assert isinstance(task, Survival)  # noqa: S101 - by kind
    groups = {role: risk_groups(run, role) for role in run.predictions.roles()}
    chart = svg_markup(risk_groups_figure(run), prefix="risks", alt=_alt(groups))
    dots = " Dots: the mean of the predicted probabilities at the cut points." if task.cuts else ""
    return (
        Section(
            "risks",
            "Survival by predicted risk",
            (chart,),
            f"Kaplan-Meier estimates of the thirds of the test subjects, by the risk that the network of their fold "
            f"predicts; risks are ranked within a fold, since those of different networks have no common scale. "
            f"Every subject counts once, as tested in the first repeat.{dots}",
            *_table(run, task, groups),
        ),
    )


def risk_groups(run: Run, role: str) -> tuple[RiskGroup, ...]:
    """The thirds of the first repeat's test subjects, by the rank of their risk within their fold."""
    _, first = next(iter(groupby(run.predictions.of(role), key=lambda fold: fold.repeat)))
    folds = tuple(first)
    places = np.concatenate([thirds(fold.probabilities[:, 0]) for fold in folds])
    target = np.concatenate([fold.target for fold in folds])
    predictions = np.concatenate([fold.probabilities for fold in folds])
    found = (RiskGroup(name, target[places == at], predictions[places == at]) for at, name in enumerate(GROUPS))
    return tuple(group for group in found if len(group.target))


def risk_groups_figure(run: Run) -> Picture:
    """Kaplan-Meier curves of the risk groups, a panel for each network."""
    roles = run.predictions.roles()
    picture, panels = new_picture(len(roles), 2, panel=(3.6, 3.1), sharey=True)
    task = run.task
    assert isinstance(task, Survival)  # noqa: S101 - by kind
    for axes, role in zip(panels, roles, strict=True):
        draw_groups(axes, risk_groups(run, role), task, ROLE_COLOUR.get(role, MUTED))
        entitle(axes, called(run) if role == "student" else role)
    panels[0].set_ylabel("share without an event")
    return picture


def draw_groups(axes: Axes, groups: Sequence[RiskGroup], task: Survival, colour: str) -> None:
    """Kaplan-Meier curves of groups; dots are the means of predicted probabilities, marks are censored subjects."""
    for group, line in zip(groups, _LINES, strict=False):
        times, events = group.target.T
        places, survival = kaplan_meier_curve(times, events)
        steps = np.append(places, times.max()), np.append(survival, survival[-1])
        axes.step(*steps, where="post", color=colour, linestyle=line, linewidth=1.5, label=f"{group.name} risk")
        censored = times[events == 0]
        heights = survival[np.searchsorted(places, censored, side="right") - 1]
        axes.plot(censored, heights, "|", color=colour, markersize=4, alpha=0.5)
        if task.cuts:
            axes.plot(task.cuts, group.predictions[:, 1:].mean(axis=0), "o", color=colour, markersize=3)
    axes.set(ylim=(-0.02, 1.02))
    axes.set_xlim(left=0)
    axes.set_xlabel(f"time, {task.unit}" if task.unit else "time", parse_math=False)
    axes.legend(frameon=False, fontsize=7.5, labelcolor=INK, loc="lower left")


def thirds(risk: Floats) -> NDArray[np.int64]:
    """0, 1 or 2 by rank; the same for equal risks."""
    below = np.searchsorted(np.sort(risk), risk, side="left")
    return (3 * below // len(risk)).astype(np.int64)


def _table(
    run: Run, task: Survival, groups: dict[str, tuple[RiskGroup, ...]]
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...], str]:
    """Heads, rows and caption."""
    until = float(np.median(run.predictions.pooled("student").target[:, 0]))
    unit = f" {task.unit}" if task.unit else ""
    rows = tuple(
        (
            f"{called(run) if role == 'student' else role}, {group.name}",
            str(len(group.target)),
            str(int(group.target[:, 1].sum())),
            f"{100 * kaplan_meier(group.target[:, 0], group.target[:, 1], until):.1f}",
        )
        for role, members in groups.items()
        for group in members
    )
    heads = ("Risk", "Subjects", "Events", f"Without an event after {until:g}{unit}, %")
    return heads, rows, "The time is the median of all subjects' times; the share is Kaplan and Meier's estimate."


def _alt(groups: dict[str, tuple[RiskGroup, ...]]) -> str:
    counts = "; ".join(
        f"{role}: "
        + ", ".join(f"{int(one.target[:, 1].sum())} of {len(one.target)} at {one.name} risk" for one in each)
        for role, each in groups.items()
    )
    return f"Kaplan-Meier curves of groups of predicted risk. Events: {counts}."
