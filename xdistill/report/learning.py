"""Learning curves by loss term."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from xdistill.errors import RunError
from xdistill.report.palette import INK, MUTED, ROLE_COLOUR
from xdistill.report.picture import Picture, entitle, new_picture, shorten, write
from xdistill.runs import DIAGNOSTIC, HistoryRow, Run

NO_LOSS: Final = frozenset({"seconds", "lr", "taught", "smoothing"})
TOTAL: Final = "total"


@dataclass(frozen=True)
class StageSpan:
    """Position of a stage on the common axis of epochs.

    Attributes:
        name: of the stage.
        before: epochs of the stages before it.
        epochs: its own.
    """

    name: str
    before: int
    epochs: int


@dataclass(frozen=True)
class TermCurve:
    """One loss term in one stage.

    Attributes:
        epoch: counted through all stages, ``(epochs,)``.
        mean: over the folds, ``(epochs,)``.
        low: smallest of the folds, ``(epochs,)``.
        high: largest of the folds, ``(epochs,)``.
    """

    epoch: NDArray[np.float64]
    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def loss_terms(run: Run) -> tuple[str, ...]:
    """The terms there are, the total first."""
    names = dict.fromkeys(name for row in run.history for name in row.values if name not in NO_LOSS)
    names = dict.fromkeys(name for name in names if not name.startswith(DIAGNOSTIC))
    return tuple(sorted(names, key=lambda name: name != TOTAL))


def diagnostics(run: Run) -> tuple[str, ...]:
    """The figures of `--diagnostics` that there are: gradients, their cosine, agreement, alignment of taps."""
    return tuple(dict.fromkeys(name for row in run.history for name in row.values if name.startswith(DIAGNOSTIC)))


def stage_spans(history: Sequence[HistoryRow]) -> tuple[StageSpan, ...]:
    """The stages one after the other, in the order in which they were trained."""
    lengths: dict[str, int] = {}
    for row in history:
        lengths[row.stage] = max(lengths.get(row.stage, 0), row.epoch)
    spans, before = [], 0
    for name, epochs in lengths.items():
        spans.append(StageSpan(name, before, epochs))
        before += epochs
    return tuple(spans)


def term_curve(history: Sequence[HistoryRow], stage: StageSpan, term: str) -> TermCurve | None:
    """A term's course over a stage; None where the stage does not have it."""
    by_epoch: dict[int, list[float]] = {}
    for row in history:
        if row.stage == stage.name and term in row.values:
            by_epoch.setdefault(row.epoch, []).append(row.values[term])
    if not by_epoch:
        return None
    epochs = sorted(by_epoch)
    return TermCurve(
        epoch=np.array([stage.before + epoch for epoch in epochs], dtype=np.float64),
        mean=np.array([np.mean(by_epoch[epoch]) for epoch in epochs]),
        low=np.array([min(by_epoch[epoch]) for epoch in epochs]),
        high=np.array([max(by_epoch[epoch]) for epoch in epochs]),
    )


def learning_curves_figure(run: Run, *, terms: Sequence[str] | None = None, columns: int = 3) -> Picture:
    """Losses over the epochs, one panel per term: the mean over the folds and the band that holds all of them.

    Args:
        run: a finished run with a history.
        terms: names of terms; all by default.
        columns: most panels side by side.

    Raises:
        RunError: when the run's folder holds no history.
    """
    chosen = loss_terms(run) if terms is None else tuple(terms)
    if not chosen:
        raise RunError(f"{run.path}: the folds have no history.csv with losses, so there are no learning curves")
    picture, panels = new_picture(len(chosen), columns, panel=(3.3, 2.3))
    for axes, term in zip(panels, chosen, strict=True):
        _draw(axes, run.history, term)
    return picture


def _draw(axes: Axes, history: Sequence[HistoryRow], term: str) -> None:
    spans = stage_spans(history)
    colour = _colour(term)
    for span in spans:
        curve = term_curve(history, span, term)
        if curve is None:
            continue
        axes.fill_between(curve.epoch, curve.low, curve.high, color=colour, alpha=0.18, linewidth=0)
        lonely: dict[str, Any] = {"marker": "o", "markersize": 3} if len(curve.epoch) == 1 else {}
        axes.plot(curve.epoch, curve.mean, color=colour, linewidth=1.6, **lonely)
    _mark_stages(axes, spans)
    entitle(axes, shorten(term.removeprefix(DIAGNOSTIC), most=34))
    axes.set_xlabel("epoch")
    axes.set_ylabel(_unit(term))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5))
    axes.margins(y=0.12)


def _unit(term: str) -> str:
    if not term.startswith(DIAGNOSTIC):
        return "loss"
    kind = term.removeprefix(DIAGNOSTIC).partition(".")[0]
    return {"gradient": "norm", "cosine": "cosine", "agreement": "share", "cka": "alignment"}.get(kind, "")


def _mark_stages(axes: Axes, spans: Sequence[StageSpan]) -> None:
    last = spans[-1]
    axes.set_xlim(0.5, last.before + last.epochs + 0.5)
    if len(spans) == 1:
        return
    for span in spans:
        if span.before:
            axes.axvline(span.before + 0.5, color=MUTED, linewidth=0.8, linestyle=":")
        write(
            axes, span.before + 0.8, 0.985, shorten(span.name, most=14), color=MUTED, fontsize=7.5, va="top",
            transform=axes.get_xaxis_transform(),
        )  # fmt: skip


def _colour(term: str) -> str:
    """Terms that are put on one network have its colour."""
    return ROLE_COLOUR.get(term.partition(":")[2].partition("#")[0], INK)
