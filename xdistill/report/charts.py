"""The page's charts: each figure as inline SVG with a text for readers who cannot see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from xdistill.report.calibration import reliability_figure
from xdistill.report.confusion import confusion_counts, confusion_figure
from xdistill.report.folds import folds_figure
from xdistill.report.learning import diagnostics, learning_curves_figure, loss_terms
from xdistill.report.picture import PANEL, svg_markup
from xdistill.report.roc import Pair, class_pairs, pair_name, roc_figure
from xdistill.report.scores import called, is_binary, primary_column, written
from xdistill.report.slices import Slice, choose_cases, image_modalities, middle_slices, png_uri
from xdistill.runs import DIAGNOSTIC, Run
from xdistill.tasks import Classification

if TYPE_CHECKING:
    from xdistill.data import Cohort

MANY_PAIRS: Final = 10  # from here on the panels of the ROC curves are small
SMALL_PANEL: Final = (2.1, 2.0)


@dataclass(frozen=True)
class Card:
    """One test subject in the page.

    Attributes:
        images: by modality a ``data:`` URI, or None where the subject lacks the modality.
        true: name of the true class.
        predicted: name of the predicted class.
        probability: of the predicted class.
        right: whether the two are the same.
        subject: the id; empty unless requested.
    """

    images: dict[str, str | None]
    true: str
    predicted: str
    probability: float
    right: bool
    subject: str


def folds_chart(run: Run) -> str:
    """Dots of the folds' values of the metric that ranks, such as the AUC."""
    column = primary_column(run)
    unit = " in percent" if column.percent else ""
    folds = {role: run.metrics[role][column.metric].folds for role in run.predictions.roles()}
    values = "; ".join(
        f"{role} {', '.join(_value(value, percent=column.percent) for value in found)}" for role, found in folds.items()
    )
    title = "AUC" if column.metric == "auc_ovo" else column.title
    return svg_markup(folds_figure(run), prefix="folds", alt=f"{title} of each fold{unit}: {values}.")


def roc_charts(run: Run) -> tuple[str, ...]:
    """One chart per pair of classes; of two classes, their ROC curve."""
    pairs = class_pairs(run)
    panel = SMALL_PANEL if len(pairs) > MANY_PAIRS else PANEL
    return tuple(
        svg_markup(
            roc_figure(run, pairs=[pair], panel=panel),
            prefix=f"roc{index}",
            alt=f"{_curves(run, pair)}. AUC in percent: {_areas(run, pair_name(run, pair))}.",
        )
        for index, pair in enumerate(pairs)
    )


def confusion_chart(run: Run) -> str:
    """The student's confusion matrix."""
    rows = "; ".join(
        f"true {true}: {', '.join(f'{count} as {named}' for named, count in zip(run.classes, row, strict=True))}"
        for true, row in zip(run.classes, confusion_counts(run).tolist(), strict=True)
    )
    return svg_markup(confusion_figure(run), prefix="confusion", alt=f"Confusion matrix of the {called(run)}. {rows}.")


def reliability_chart(run: Run) -> str:
    """Accuracy by probability."""
    errors = ", ".join(f"{role} {run.metrics[role]['ece'].mean:.3f}" for role in run.predictions.roles())
    return svg_markup(
        reliability_figure(run),
        prefix="reliability",
        alt=f"Reliability diagram in ten bins. Expected calibration error, mean over folds: {errors}.",
    )


def learning_charts(run: Run) -> tuple[str, ...]:
    """One chart per loss term."""
    return _courses(run, {term: f"Loss term {term}" for term in loss_terms(run)}, prefix="loss")


def diagnostic_charts(run: Run) -> tuple[str, ...]:
    """One chart per figure of `--diagnostics`."""
    shown = {name: name.removeprefix(DIAGNOSTIC) for name in diagnostics(run)}
    return _courses(run, shown, prefix="diagnostic")


def _courses(run: Run, shown: Mapping[str, str], *, prefix: str) -> tuple[str, ...]:
    """One chart per column of the history, over the epochs; the columns with their names for readers."""
    return tuple(
        svg_markup(
            learning_curves_figure(run, terms=[column]),
            prefix=f"{prefix}{index}",
            alt=f"{name} over the epochs, mean over folds; {_course(run, column)}.",
        )
        for index, (column, name) in enumerate(shown.items())
    )


def subject_cards(run: Run, cohort: Cohort, *, show_subjects: bool) -> tuple[Card, ...]:
    """Test subjects with their middle slices; none for a cohort without images, or for a task without classes."""
    if not image_modalities(cohort) or not isinstance(run.task, Classification):
        return ()
    cases = choose_cases(run)
    slices = middle_slices(cohort, [case.subject for case in cases])
    return tuple(
        Card(
            images={name: _uri(shown[place]) for name, shown in slices.items()},
            true=run.classes[case.target],
            predicted=run.classes[case.predicted],
            probability=case.probability,
            right=case.right,
            subject=case.subject if show_subjects else "",
        )
        for place, case in enumerate(cases)
    )


def _uri(shown: Slice | None) -> str | None:
    return None if shown is None else png_uri(shown)


def _curves(run: Run, pair: Pair) -> str:
    return f"ROC curve of {run.classes[1]}" if is_binary(run) else f"ROC curves of {pair_name(run, pair)}"


def _areas(run: Run, pair: str) -> str:
    return ", ".join(f"{role} {written(run.metrics[role][f'auc:{pair}'])}" for role in run.predictions.roles())


def _course(run: Run, term: str) -> str:
    """First and last value of a term, the folds' mean."""
    rows = [row for row in run.history if term in row.values]
    ends = []
    for row in (rows[0], rows[-1]):
        same = [other.values[term] for other in rows if (other.stage, other.epoch) == (row.stage, row.epoch)]
        ends.append(f"{sum(same) / len(same):.3g}")
    return f"from {ends[0]} in the first epoch to {ends[1]} in the last"


def _value(value: float, *, percent: bool) -> str:
    return f"{100 * value:.1f}" if percent else f"{value:.4g}"
