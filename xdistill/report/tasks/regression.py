"""Predicted against true values, and residuals, of each target."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from xdistill.report.palette import INK, MUTED, ROLE_COLOUR, ROLE_MARKER
from xdistill.report.picture import Picture, entitle, new_picture, shorten, svg_markup
from xdistill.report.scores import called, written
from xdistill.report.tasks.section import Section
from xdistill.runs import Run
from xdistill.tasks import Regression

Floats = NDArray[np.float64]
_OUT_OF_FOLD = "Every subject is predicted by the network of a fold that did not train on it."


def regression_sections(run: Run) -> tuple[Section, ...]:
    """Predicted against true, residuals, and for several targets a table of each."""
    task = run.task
    assert isinstance(task, Regression)  # noqa: S101 - by kind
    places = range(len(task.targets))
    predicted = tuple(
        svg_markup(
            predicted_figure(run, place), prefix=f"predicted{place}", alt=_alt(run, place, "Predicted against true")
        )
        for place in places
    )
    residuals = tuple(
        svg_markup(residual_figure(run, place), prefix=f"residuals{place}", alt=_alt(run, place, "Residuals"))
        for place in places
    )
    sections = (
        Section(
            "predicted",
            "Predicted against true",
            predicted,
            f"A dot is a test subject, once per repeat; on the dotted line predictions are right. {_OUT_OF_FOLD}",
        ),
        Section(
            "residuals",
            "Residuals",
            residuals,
            "Predicted minus true value over the predicted one; the line is their mean in bins of equal counts. A "
            "line that bends or a spread that grows shows what the model has not learned.",
        ),
    )
    return sections if task.single else (_table(run, task), *sections)


def predicted_figure(run: Run, place: int = 0) -> Picture:
    """Predicted against true values of one target."""

    def draw(axes: Axes, role: str, true: Floats, given: Floats) -> None:
        axes.scatter(
            true, given, s=12, alpha=0.55, linewidths=0, color=ROLE_COLOUR.get(role, MUTED),
            marker=ROLE_MARKER.get(role), label=called(run) if role == "student" else role,
        )  # fmt: skip

    picture, axes = _drawn(run, place, draw)
    low, high = _span(run, place)
    axes.plot([low, high], [low, high], color=MUTED, linewidth=0.8, linestyle=":")
    axes.set_xlabel(_axis("true", run, place), parse_math=False)
    axes.set_ylabel(_axis("predicted", run, place), parse_math=False)
    return picture


def residual_figure(run: Run, place: int = 0) -> Picture:
    """Predicted minus true values of one target over the predicted ones."""

    def draw(axes: Axes, role: str, true: Floats, given: Floats) -> None:
        colour = ROLE_COLOUR.get(role, MUTED)
        axes.scatter(
            given, given - true, s=12, alpha=0.4, linewidths=0, color=colour, marker=ROLE_MARKER.get(role),
            label=called(run) if role == "student" else role,
        )  # fmt: skip
        parts = np.array_split(np.argsort(given, kind="stable"), max(1, min(8, len(given) // 10)))
        means = [(given[rows].mean(), (given - true)[rows].mean()) for rows in parts]
        axes.plot(*zip(*means, strict=True), color=colour, linewidth=1.4)

    picture, axes = _drawn(run, place, draw)
    axes.axhline(0, color=MUTED, linewidth=0.8, linestyle=":")
    axes.set_xlabel(_axis("predicted", run, place), parse_math=False)
    axes.set_ylabel(_axis("predicted - true", run, place), parse_math=False)
    return picture


def _drawn(run: Run, place: int, draw: Callable[[Axes, str, Floats, Floats], None]) -> tuple[Picture, Axes]:
    picture, (axes,) = new_picture(1, 1, panel=(3.6, 3.3))
    for role in reversed(run.predictions.roles()):  # the student last, so that nothing hides it
        pooled = run.predictions.pooled(role)
        draw(axes, role, pooled.target[:, place], pooled.probabilities[:, place])
    entitle(axes, shorten(run.task.names[place]))
    axes.legend(frameon=False, fontsize=7.5, labelcolor=INK, loc="best")
    return picture, axes


def _span(run: Run, place: int) -> tuple[float, float]:
    pooled = [run.predictions.pooled(role) for role in run.predictions.roles()]
    values = np.concatenate([part for fold in pooled for part in (fold.target[:, place], fold.probabilities[:, place])])
    return float(values.min()), float(values.max())


def _axis(what: str, run: Run, place: int) -> str:
    task = run.task
    unit = task.unit_of(place) if isinstance(task, Regression) else ""
    return f"{what}, {shorten(unit)}" if unit else what


def _alt(run: Run, place: int, what: str) -> str:
    name = run.task.names[place]
    errors = ", ".join(
        f"{role} {written(values.get(f'mae:{name}', values.get('mae')), percent=False)}"
        for role, values in run.metrics.items()
    )
    return f"{what} values of {name}. Mean absolute error: {errors}."


def _table(run: Run, task: Regression) -> Section:
    heads = ("Target", *(f"{role}, {score.title}" for role in run.metrics for score in task.each))
    rows = tuple(
        (
            f"{name} ({unit})" if (unit := task.unit_of(place)) else name,
            *(
                written(values.get(f"{score.name}:{name}"), percent=False, unit=task.unit_of(place) or "-")
                if score.name != "r2"
                else written(values.get(f"{score.name}:{name}"), percent=False)
                for values in run.metrics.values()
                for score in task.each
            ),
        )
        for place, name in enumerate(task.targets)
    )
    return Section(
        "targets",
        "Each target",
        heads=heads,
        rows=rows,
        caption="Mean absolute error and root mean squared error in the unit of the target; R² has none.",
    )
