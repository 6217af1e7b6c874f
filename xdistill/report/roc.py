"""ROC curves: of two classes the curve, of more classes one for each pair."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from xdistill.report.palette import MUTED, ROLE_COLOUR, ROLE_LINE
from xdistill.report.picture import PANEL, Picture, entitle, new_picture, shorten, write
from xdistill.report.scores import called
from xdistill.runs import Run
from xdistill.stats import FoldPredictions

Curve = NDArray[np.float64]
Pair = tuple[int, int]

GRID: Final[Curve] = np.linspace(0.0, 1.0, 101)
BINARY: Final = 2  # classes
MOST_LINES: Final = 20  # lines of single folds that an eye can tell apart in one panel


def class_pairs(run: Run) -> tuple[Pair, ...]:
    """All pairs of classes, as indices."""
    return tuple(combinations(range(len(run.classes)), 2))


def pair_name(run: Run, pair: Pair) -> str:
    """The pair as `xdistill.stats.pairwise_auc` names it."""
    return f"{run.classes[pair[0]]} vs {run.classes[pair[1]]}"


def roc_figure(
    run: Run, *, pairs: Sequence[Pair] | None = None, columns: int = 3, panel: tuple[float, float] = PANEL
) -> Picture:
    """ROC curves, one panel per pair of classes, one against one: a thin line per fold, a thick one for their mean.

    Args:
        run: a finished run.
        pairs: indices of classes; all pairs by default.
        columns: most panels side by side.
        panel: width and height of a panel, in inches.
    """
    chosen = class_pairs(run) if pairs is None else tuple(pairs)
    picture, panels = new_picture(len(chosen), columns, panel=panel, sharex=True, sharey=True)
    for axes, pair in zip(panels, chosen, strict=True):
        _draw(axes, run, pair, panel[0])
    return picture


def pair_curve(fold: FoldPredictions, pair: Pair) -> Curve:
    """True positive rate at the false positive rates of `GRID`, for the fold's subjects of the two classes.

    Of more than two classes it is the mean of both directions (each class by its own probability), so that the area
    below it is the pair's AUC as the tables give it. Of two classes it is the ROC curve of the second one.
    """
    chosen = np.isin(fold.target, pair)
    curves = [
        np.interp(GRID, *roc_points(fold.target[chosen] == positive, fold.probabilities[chosen, positive]))
        for positive in (pair if fold.probabilities.shape[1] > BINARY else pair[1:])
    ]
    mean: Curve = np.mean(curves, axis=0)
    return mean


def roc_points(positive: NDArray[np.bool_], score: Curve) -> tuple[Curve, Curve]:
    """False and true positive rates at every threshold, from (0, 0) to (1, 1).

    Plain arithmetic: scikit-learn's `roc_curve` gives the same points, and checks its arguments for milliseconds,
    which is felt with hundreds of curves.

    Args:
        positive: who is positive, ``(subjects,)``; both kinds are there.
        score: ``(subjects,)``, higher for positives.
    """
    order = np.argsort(-score, kind="stable")
    last_of_ties = np.append(np.flatnonzero(np.diff(score[order])), len(order) - 1)
    true = np.concatenate([[0], np.cumsum(positive[order])[last_of_ties]])
    false = np.concatenate([[0], last_of_ties + 1]) - true
    return false / false[-1], true / true[-1]


def _draw(axes: Axes, run: Run, pair: Pair, width: float) -> None:
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.6, linestyle=":")
    for place, role in enumerate(reversed(run.predictions.roles())):
        curves = [pair_curve(fold, pair) for fold in run.predictions.of(role)]
        colour = ROLE_COLOUR.get(role, MUTED)
        _draw_spread(axes, curves, colour)
        axes.plot(*_from_origin(np.mean(curves, axis=0)), color=colour, linewidth=1.8, linestyle=ROLE_LINE.get(role))
        area = run.metrics[role][f"auc:{pair_name(run, pair)}"].mean
        name = called(run) if role == "student" else role
        write(axes, 0.97, 0.05 + 0.09 * place, f"{name} {100 * area:.1f}", color=colour, ha="right")
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xticks=(0, 0.5, 1), yticks=(0, 0.5, 1), box_aspect=1)
    first, second = (shorten(run.classes[index], most=_letters(width)) for index in pair)
    binary = len(run.classes) == BINARY
    axes.set_xlabel("1 - specificity" if binary else "false positive rate")
    axes.set_ylabel("sensitivity" if binary else "true positive rate")
    entitle(
        axes,
        f"positive class: {second}" if binary else f"{first} vs {second}",
        fontsize=9.5 if width >= PANEL[0] else 8,
    )


def _draw_spread(axes: Axes, curves: Sequence[Curve], colour: str) -> None:
    """A thin line per fold; if there are too many, a band with the middle eight tenths of them."""
    if len(curves) > MOST_LINES:
        low, high = np.percentile(curves, (10, 90), axis=0)
        axes.fill_between(GRID, low, high, color=colour, alpha=0.15, linewidth=0)
        return
    for curve in curves:
        axes.plot(*_from_origin(curve), color=colour, linewidth=0.7, alpha=0.35)


def _letters(width: float) -> int:
    """Letters of each class name that fit above a panel of this width in inches."""
    return max(6, int(6.2 * (width - 0.7)))


def _from_origin(curve: Iterable[float]) -> tuple[Curve, Curve]:
    return np.concatenate([[0.0], GRID]), np.concatenate([[0.0], np.asarray(list(curve), dtype=np.float64)])
