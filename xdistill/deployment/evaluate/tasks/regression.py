"""A regression: calibration and intervals of each target, and predicted against true values."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from xdistill.deployment.evaluate.intervals import Figure
from xdistill.deployment.evaluate.result import Detail, Estimate, Evaluation
from xdistill.deployment.evaluate.scores import mean_of
from xdistill.deployment.evaluate.tasks.scored import Scored, table_of
from xdistill.report.palette import INK, MUTED, STUDENT, TEACHER
from xdistill.report.picture import Picture, entitle, new_picture, shorten, svg_markup
from xdistill.report.tasks.section import Section
from xdistill.stats.areas import Counts, Floats
from xdistill.stats.tasks.resampled import RESAMPLED_TASKS
from xdistill.stats.weighted import ratio

FIRST = "Target"


def calibration_line(true: Floats, predicted: Floats, counts: Counts) -> tuple[Floats, Floats]:
    """Slope and intercept of the least squares line of the true on the predicted value, ``(resamples,)`` each.

    Slope 1 and intercept 0 are ideal; a slope below 1 says that predictions are too extreme (Steyerberg, Clinical
    prediction models, 2019, chapter 15). NaN where the drawn predictions are all the same.
    """
    total = counts.sum(axis=0)
    x, y = predicted - predicted.mean(), true - true.mean()
    mean_x, mean_y = ratio(x @ counts, total), ratio(y @ counts, total)
    spread = ratio((x**2) @ counts, total) - mean_x**2
    shared = ratio((x * y) @ counts, total) - mean_x * mean_y
    slope = ratio(shared, np.where(spread > 1e-12 * max(float((x**2).mean()), 1e-300), spread, 0.0))
    intercept: Floats = true.mean() + mean_y - slope * (predicted.mean() + mean_x)
    return slope, intercept


def regression_details(scored: Scored) -> Iterator[Detail]:
    """Of each target: errors if there are several, calibration, and coverage of the prediction intervals."""
    task = scored.task
    for place, name in enumerate(task.names):
        true, predicted, unit = scored.targets[:, place], scored.predictions[:, place], task.unit_of(place)
        figures: dict[str, Figure] = {score.title: _metric(score.name, true, predicted) for score in task.each}
        figures["Mean error"] = mean_of(predicted - true)
        figures["Calibration slope"] = _line(true, predicted, 0)
        figures["Calibration intercept"] = _line(true, predicted, 1)
        without = {"Calibration slope", *(score.title for score in task.each if score.name == "r2")}
        for title, estimate in scored.bootstrap.estimates(figures).items():
            yield Detail(name, title, estimate, "" if title in without else unit)
        if scored.ends is not None:
            low, high = scored.ends[:, place].T
            inside = mean_of(((low <= true) & (true <= high)).astype(np.float64))
            (coverage,) = scored.bootstrap.estimates({"inside": inside}).values()
            yield Detail(name, f"In the {100 * scored.level:g} % interval", coverage, percent=True)
            width = float(np.mean(high - low))
            yield Detail(name, "Width of the interval", Estimate(width if np.isfinite(width) else None), unit)


def regression_sections(evaluation: Evaluation) -> tuple[Section, ...]:
    """Predicted against true values, with the calibration line, and a table of each target."""
    charts = tuple(
        svg_markup(
            predicted_figure(evaluation, place), prefix=f"predicted{place}", alt=f"Predicted against true {name}."
        )
        for place, name in enumerate(evaluation.task.names)
    )
    heads, rows = table_of(evaluation.details, FIRST)
    other = " Dashed line and lighter dots: the other model." if evaluation.against_probabilities else ""
    return (
        Section(
            "calibration",
            "Calibration",
            charts,
            f"A dot is a subject; on the dotted line predictions are right. The line through them is the regression of "
            f"the true on the predicted value.{other}",
            heads,
            rows,
            "Mean error: predicted minus true value. Slope: 1 is ideal, below it predictions are too extreme; "
            "intercept: 0 is ideal. Intervals are those of xdistill predict.",
        ),
    )


def predicted_figure(evaluation: Evaluation, place: int) -> Picture:
    """True over predicted values of one target."""
    task, true = evaluation.task, evaluation.targets[:, place]
    own = np.array([row.probabilities[place] for row in evaluation.predictions])
    picture, (axes,) = new_picture(1, 1, panel=(3.6, 3.3))
    drawn = [(own, STUDENT, "-", 0.55)]
    if evaluation.against_probabilities:
        other = np.array([row[place] for row in evaluation.against_probabilities])
        drawn.insert(0, (other, TEACHER, "--", 0.25))
    values = np.concatenate([true, *(item[0] for item in drawn)])
    low, high = float(values.min()), float(values.max())
    axes.plot([low, high], [low, high], color=MUTED, linewidth=0.8, linestyle=":")
    for predicted, colour, line, alpha in drawn:
        axes.scatter(predicted, true, s=12, alpha=alpha, linewidths=0, color=colour)
        slope, intercept = (float(part[0]) for part in calibration_line(true, predicted, np.ones((len(true), 1))))
        if np.isfinite(slope):
            ends = np.array([predicted.min(), predicted.max()])
            axes.plot(ends, intercept + slope * ends, color=colour, linewidth=1.5, linestyle=line)
    unit = task.unit_of(place)
    axes.set_xlabel(f"predicted, {shorten(unit)}" if unit else "predicted", parse_math=False, color=INK)
    axes.set_ylabel(f"true, {shorten(unit)}" if unit else "true", parse_math=False, color=INK)
    entitle(axes, shorten(task.names[place]))
    return picture


def _metric(name: str, true: Floats, predicted: Floats) -> Figure:
    return lambda counts: RESAMPLED_TASKS[name](true[:, None], predicted[:, None], counts)


def _line(true: Floats, predicted: Floats, part: int) -> Figure:
    return lambda counts: calibration_line(true, predicted, counts)[part]
