"""Survival: calibration of the risk, and what became of subjects with a low, a middle and a high risk."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from xdistill.deployment.evaluate.intervals import Figure
from xdistill.deployment.evaluate.result import Detail, Estimate, Evaluation
from xdistill.deployment.evaluate.scores import mean_of
from xdistill.deployment.evaluate.tasks.scored import Scored, table_of
from xdistill.report.palette import STUDENT
from xdistill.report.picture import new_picture, svg_markup
from xdistill.report.tasks.section import Section
from xdistill.report.tasks.survival import GROUPS, RiskGroup, draw_groups, thirds
from xdistill.stats.areas import Counts, Floats
from xdistill.stats.weighted import ratio
from xdistill.tasks.survival import Survival

FIRST = "Subjects with"
ALL = "all subjects"
_STEPS, _CONVERGED, _LONGEST = 50, 1e-9, 2.0


def cox_slope(target: Floats, risk: Floats, counts: Counts) -> Floats:
    """The slope of Cox's regression of the outcome on the predicted log risk, ``(resamples,)``; Breslow's ties.

    1 is ideal; below it risks are too extreme (van Houwelingen 2000). NaN without an event, or where it has no finite
    optimum.

    Args:
        target: time and event, ``(subjects, 2)``.
        risk: log hazard up to a constant, ``(subjects,)``.
        counts: how often each subject is drawn, ``(subjects, resamples)``.
    """
    order = np.argsort(-target[:, 0], kind="stable")  # the latest first, so that sums run over those at risk
    time, event = target[order, 0], target[order, 1] == 1
    x, drawn = (risk[order] - risk.mean())[:, None], counts[order]
    last = np.searchsorted(-time, -time, side="right") - 1  # the last subject at risk at each time
    happened = drawn * event[:, None]
    slope, size = np.ones(counts.shape[1]), np.full(counts.shape[1], np.inf)
    for _ in range(_STEPS):
        weight = drawn * np.exp(np.clip(slope * x, -500, 500))
        zeroth, first, second = (np.cumsum(weight * x**power, axis=0)[last] for power in range(3))
        mean = ratio(first, zeroth)
        gradient = np.nansum(happened * (x - mean), axis=0)
        curvature = np.nansum(happened * (ratio(second, zeroth) - mean**2), axis=0)
        step = np.clip(ratio(gradient, curvature), -_LONGEST, _LONGEST)
        slope, size = slope + step, np.abs(step)
        if not (size > _CONVERGED).any():
            break
    return np.where(size <= _CONVERGED, slope, np.nan)


def observed_survival(target: Floats, rows: NDArray[np.bool_], until: float) -> Figure:
    """Kaplan and Meier's estimate of the share without an event up to a time, of some subjects."""
    time, event = target[rows, 0], target[rows, 1] == 1
    places = np.unique(time[event & (time <= until)])

    def figure(counts: Counts) -> Floats:
        drawn = counts[rows]
        at_risk = (time[None, :] >= places[:, None]).astype(np.float64) @ drawn
        happened = ((time[None, :] == places[:, None]) & event).astype(np.float64) @ drawn
        kept = 1 - np.divide(happened, at_risk, out=np.zeros_like(happened), where=at_risk > 0)
        return np.where(drawn.sum(axis=0) > 0, kept.prod(axis=0), np.nan)

    return figure


def survival_details(scored: Scored) -> Iterator[Detail]:
    """The calibration slope, and observed and predicted survival of the thirds of the risk."""
    task, target, risk = _survival(scored.task), scored.targets, scored.predictions[:, 0]
    (slope,) = scored.bootstrap.estimates({"slope": lambda counts: cox_slope(target, risk, counts)}).values()
    yield Detail(ALL, "Calibration slope", slope)
    until, column = _until(task, target)
    group = thirds(risk)
    when = f"Without an event after {until:g}{f' {task.unit}' if task.unit else ''}"
    for place, name in enumerate(GROUPS):
        rows = group == place
        if not rows.any():
            continue
        of = f"{name} risk"
        yield Detail(of, "Subjects", Estimate(float(rows.sum())))
        yield Detail(of, "Events", Estimate(float(target[rows, 1].sum())))
        figures: dict[str, Figure] = {f"{when}, observed": observed_survival(target, rows, until)}
        if column is not None:
            figures[f"{when}, predicted"] = mean_of(scored.predictions[:, column], rows)
        for title, estimate in scored.bootstrap.estimates(figures).items():
            yield Detail(of, title, estimate, percent=True)


def survival_sections(evaluation: Evaluation) -> tuple[Section, ...]:
    """Kaplan-Meier curves of the thirds of the risk, and the table of them."""
    task, target = _survival(evaluation.task), evaluation.targets
    predictions = np.array([row.probabilities for row in evaluation.predictions])
    place = thirds(predictions[:, 0])
    groups = [RiskGroup(name, target[place == at], predictions[place == at]) for at, name in enumerate(GROUPS)]
    groups = [group for group in groups if len(group.target)]
    picture, (axes,) = new_picture(1, 1, panel=(4.4, 3.3))
    draw_groups(axes, groups, task, STUDENT)
    axes.set_ylabel("share without an event")
    counts = ", ".join(
        f"{int(one.target[:, 1].sum())} events of {len(one.target)} at {one.name} risk" for one in groups
    )
    heads, rows = table_of(evaluation.details, FIRST)
    dots = " Dots: the mean of the predicted probabilities at the cut points." if task.cuts else ""
    return (
        Section(
            "calibration",
            "Survival by predicted risk",
            (svg_markup(picture, prefix="risks", alt=f"Kaplan-Meier curves of thirds of the risk: {counts}."),),
            f"Kaplan-Meier estimates of the thirds of the subjects here, by predicted risk.{dots}",
            heads,
            rows,
            "Calibration slope: of Cox's regression on the predicted log risk; 1 is ideal, below it risks are too "
            "extreme. Shares are Kaplan and Meier's estimates.",
        ),
    )


def _until(task: Survival, target: Floats) -> tuple[float, int | None]:
    """The time at which groups are compared, and the column with its prediction: a cut point, or the median time."""
    if not task.cuts:
        return float(np.median(target[:, 0])), None
    inside = [place for place, cut in enumerate(task.cuts) if cut < target[:, 0].max()] or [0]
    middle = inside[len(inside) // 2]
    return task.cuts[middle], middle + 1


def _survival(task: object) -> Survival:
    assert isinstance(task, Survival)  # noqa: S101 - by kind
    return task
