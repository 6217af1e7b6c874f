"""Metrics and ROC curves of each label."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xdistill.report.palette import INK, MUTED, ROLE_COLOUR, ROLE_LINE
from xdistill.report.picture import Picture, entitle, new_picture, shorten, svg_markup
from xdistill.report.scores import called, written
from xdistill.report.tasks.section import Section
from xdistill.runs import Run
from xdistill.tasks import MultiLabel

_SHOWN = {"label_auc": "AUC", "label_ap": "AP", "label_f1": "F1"}
_GRID = np.linspace(0, 1, 101)


def multi_label_sections(run: Run) -> tuple[Section, ...]:
    """A table of the labels, and a ROC curve of each."""
    task = run.task
    assert isinstance(task, MultiLabel)  # noqa: S101 - by kind
    charts = tuple(
        svg_markup(
            label_roc_figure(run, place),
            prefix=f"label{place}",
            alt=f"ROC curve of {name}. AUC in percent: "
            + ", ".join(f"{role} {written(values[f'label_auc:{name}'])}" for role, values in run.metrics.items())
            + ".",
        )
        for place, name in enumerate(task.labels)
    )
    return (
        _table(run, task),
        Section("roc", "ROC curve of each label", charts, "Mean over the folds of the curves of their test subjects."),
    )


def label_roc_figure(run: Run, place: int) -> Picture:
    """The ROC curve of one label: the mean over folds of each network."""
    picture, (axes,) = new_picture(1, 1, panel=(3.0, 2.9))
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.6, linestyle=":")
    for role in run.predictions.roles():
        curves = [
            _curve(fold.target[:, place], fold.probabilities[:, place])
            for fold in run.predictions.of(role)
            if 0 < fold.target[:, place].sum() < len(fold.target)
        ]
        axes.plot(
            _GRID, np.mean(curves, axis=0), color=ROLE_COLOUR.get(role, MUTED), linestyle=ROLE_LINE.get(role),
            linewidth=1.6, label=called(run) if role == "student" else role,
        )  # fmt: skip
    entitle(axes, shorten(run.task.names[place]))
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), box_aspect=1)
    axes.set_xlabel("1 - specificity")
    axes.set_ylabel("sensitivity")
    axes.legend(frameon=False, fontsize=7.5, labelcolor=INK, loc="lower right")
    return picture


def _curve(target: NDArray[np.int64], scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sensitivity at a grid of false positive rates."""
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.diff(scores[order]) != 0, True)  # subjects with equal scores are called together
    hits, alarms = np.cumsum(target[order] == 1)[last], np.cumsum(target[order] == 0)[last]
    curve: NDArray[np.float64] = np.interp(_GRID, np.append(0, alarms / alarms[-1]), np.append(0, hits / hits[-1]))
    return curve


def _table(run: Run, task: MultiLabel) -> Section:
    pooled = run.predictions.pooled("student")
    shares = pooled.target.mean(axis=0)
    rows = tuple(
        (
            name,
            f"{100 * shares[place]:.1f}",
            *(written(values.get(f"{metric}:{name}")) for values in run.metrics.values() for metric in _SHOWN),
        )
        for place, name in enumerate(task.labels)
    )
    heads = tuple(f"{role.capitalize()}, {title}" for role in run.metrics for title in _SHOWN.values())
    return Section(
        "labels",
        "Each label",
        heads=("Label", "Subjects, %", *heads),
        rows=rows,
        caption="In percent; AP: average precision; F1 at a probability of one half.",
    )
