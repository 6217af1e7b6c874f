"""Figures of an evaluation, drawn as those of a run's report."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from xdistill.deployment.evaluate.result import Benefit, Evaluation, OneClass
from xdistill.deployment.evaluate.text import metric_titles, percent, shown
from xdistill.report.confusion import matrix_figure
from xdistill.report.palette import INK, MUTED, STUDENT, TEACHER
from xdistill.report.picture import entitle, new_picture, shorten, svg_markup, write
from xdistill.report.roc import roc_points
from xdistill.stats.areas import Floats

LOWEST_BENEFIT = -0.25  # of the axis, in shares of the prevalence


def roc_chart(evaluation: Evaluation, one: OneClass, place: int) -> str:
    """The ROC curve of one class against the others, of both models if there are two; empty if it is not defined."""
    column = evaluation.task.names.index(one.name)
    positive = evaluation.positive(column)
    if positive.all() or not positive.any():
        return ""
    picture, (axes,) = new_picture(1, 1)
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.6, linestyle=":")
    if evaluation.against_probabilities:
        _roc(axes, positive, np.array([row[column] for row in evaluation.against_probabilities]), TEACHER, "--")
    _roc(axes, positive, np.array([row.probabilities[column] for row in evaluation.predictions]), STUDENT, "-")
    write(axes, 0.97, 0.06, f"AUC {percent(one.auc)}", color=STUDENT, ha="right")
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xticks=(0, 0.5, 1), yticks=(0, 0.5, 1), box_aspect=1)
    axes.set_xlabel("false positive rate")
    axes.set_ylabel("true positive rate")
    entitle(axes, f"{shorten(one.name)} vs the rest")
    return svg_markup(picture, prefix=f"roc{place}", alt=f"ROC curve of {one.name}. AUC in percent {percent(one.auc)}.")


def reliability_chart(one: OneClass, place: int) -> str:
    """Share of positives by predicted probability, with intervals."""
    picture, (axes,) = new_picture(1, 1)
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.6, linestyle=":")
    total = sum(item.subjects for item in one.bins)
    known = [item for item in one.bins if item.share.value is not None]
    bars = [(item.probability, item.share.low, item.share.high) for item in known]
    for middle, low, high in bars:
        if low is not None and high is not None:
            axes.plot([middle] * 2, [low, high], color=STUDENT, linewidth=0.9, alpha=0.5)
    x, y = [item.probability for item in known], [float(item.share.value or 0) for item in known]
    axes.plot(x, y, color=STUDENT, linewidth=1.2)
    axes.scatter(x, y, s=[8 + 120 * item.subjects / total for item in known], color=STUDENT, linewidths=0, zorder=3)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), box_aspect=1)
    axes.set_xlabel(f"probability of {shorten(one.name)}")
    axes.set_ylabel(f"share that is {shorten(one.name)}")
    entitle(axes, shorten(one.name))
    values = "; ".join(f"{item.probability:.2f}: {item.share.value:.2f} of {item.subjects}" for item in known)
    return svg_markup(picture, prefix=f"reliability{place}", alt=f"Reliability of {one.name} in ten bins. {values}.")


def benefit_chart(one: OneClass, place: int) -> str:
    """The decision curve: net benefit against treating all and treating none."""
    picture, (axes,) = new_picture(1, 1)
    x = [item.threshold for item in one.benefit]
    low, high = (_line(one.benefit, end) for end in ("low", "high"))
    axes.fill_between(x, low, high, color=STUDENT, alpha=0.13, linewidth=0)
    axes.plot([0, 1], [0, 0], color=INK, linewidth=0.9)
    axes.plot(x, [item.treat_all for item in one.benefit], color=MUTED, linewidth=1.1, linestyle=":")
    if one.benefit[0].against is not None:
        axes.plot(x, [float(item.against or 0) for item in one.benefit], color=TEACHER, linewidth=1.3, linestyle="--")
    axes.plot(x, _line(one.benefit, "value"), color=STUDENT, linewidth=1.8)
    top = max(item.treat_all for item in one.benefit)
    if one.operating is not None and one.operating.threshold < 1:
        axes.axvline(one.operating.threshold, color=MUTED, linewidth=0.8, linestyle="--")
    axes.set(xlim=(0, 1), ylim=(min(-0.02, LOWEST_BENEFIT * top), max(0.05, 1.12 * top)))
    axes.set_xlabel(f"threshold probability of {shorten(one.name)}")
    axes.set_ylabel("net benefit")
    entitle(axes, shorten(one.name))
    values = ", ".join(
        f"{item.threshold:.1f}: {item.model.value:.3f}" for item in one.benefit[9::20] if item.model.value is not None
    )
    return svg_markup(picture, prefix=f"benefit{place}", alt=f"Net benefit of {one.name} by threshold. {values}.")


def confusion_chart(counts: Sequence[Sequence[int]], classes: Sequence[str], prefix: str) -> str:
    """Subjects by true and predicted class."""
    table = np.array(counts, dtype=np.int64)
    rows = "; ".join(
        f"true {name}: {', '.join(f'{count} as {other}' for count, other in zip(row, classes, strict=True))}"
        for name, row in zip(classes, table.tolist(), strict=True)
    )
    return svg_markup(matrix_figure(table, classes, colour=STUDENT), prefix=prefix, alt=f"Confusion matrix. {rows}.")


def groups_chart(evaluation: Evaluation, metric: str) -> str:
    """A metric of each subgroup with its interval; the line is that of all subjects."""
    groups = [
        group for group in evaluation.subgroups if metric in group.metrics and group.metrics[metric].value is not None
    ]
    if not groups:
        return ""
    picture, (axes,) = new_picture(1, 1, panel=(4.6, 1.0 + 0.3 * len(groups)))
    titles = metric_titles(evaluation.task)
    title, in_percent = titles[metric]
    factor = 100 if in_percent else 1
    overall = evaluation.metrics[metric].value
    if overall is not None:
        axes.axvline(factor * overall, color=MUTED, linewidth=0.8, linestyle="--")
    for place, group in enumerate(groups):
        found = group.metrics[metric]
        if found.low is not None and found.high is not None:
            axes.plot([factor * found.low, factor * found.high], [place] * 2, color=STUDENT, linewidth=1.2)
        axes.scatter([factor * (found.value or 0)], [place], color=STUDENT, s=22, linewidths=0, zorder=3)
    names = [f"{shorten(group.column, most=12)} {shorten(group.value, most=16)}" for group in groups]
    axes.set_yticks(range(len(groups)), names, color=INK, parse_math=False)
    axes.set(ylim=(len(groups) - 0.4, -0.6))
    axes.set_xlabel(f"{title}, %" if in_percent else title, parse_math=False)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    values = "; ".join(
        f"{name} {shown(titles, metric, group.metrics[metric])}" for name, group in zip(names, groups, strict=True)
    )
    return svg_markup(
        picture, prefix=f"groups-{metric}", alt=f"{title} of subgroups{' in percent' if in_percent else ''}. {values}."
    )


def _roc(
    axes: Axes, positive: np.ndarray[tuple[int], np.dtype[np.bool_]], score: Floats, colour: str, line: str
) -> None:
    axes.plot(*roc_points(positive, score), color=colour, linewidth=1.8, linestyle=line)


def _line(benefit: Sequence[Benefit], end: str) -> list[float]:
    return [np.nan if (value := getattr(item.model, end)) is None else float(value) for item in benefit]
