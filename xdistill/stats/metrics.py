"""Metrics of predictions, a fold at a time, then mean and standard deviation over folds.

Out-of-fold probabilities of different models differ in scale, so the headline AUC is never pooled over folds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xdistill.errors import DataError
from xdistill.stats.areas import area, directions
from xdistill.stats.predictions import FoldPredictions, Predictions
from xdistill.stats.tasks import TASK_METRICS
from xdistill.stats.tasks.functions import MetricFunction
from xdistill.tasks import Task, as_task

Targets = NDArray[np.int64]
Probabilities = NDArray[np.float64]


@dataclass(frozen=True)
class Summary:
    """One metric over the folds of a run.

    Attributes:
        mean: over folds.
        sd: standard deviation over folds with ddof 1; 0 for a single fold.
        folds: the values, by repeat and fold.
    """

    mean: float
    sd: float
    folds: tuple[float, ...]

    @classmethod
    def of(cls, values: Sequence[float]) -> Summary:
        """Mean and standard deviation of some values."""
        array = np.asarray(values, dtype=np.float64)
        return cls(float(array.mean()), float(array.std(ddof=1)) if len(array) > 1 else 0.0, tuple(map(float, array)))


def auc_ovo(target: Targets, probabilities: Probabilities, classes: Sequence[str]) -> float:
    """Macro one-versus-one AUC (Hand and Till 2001), the primary metric.

    The same as scikit-learn's ``roc_auc_score(multi_class="ovo", average="macro")``, which however refuses rows that
    miss a sum of one by rounding; dividing them by their sums would break ties between subjects. Of two classes the
    second is the positive one.

    Raises:
        DataError: when a class has no subject.
    """
    return float(np.mean(list(pairwise_auc(target, probabilities, classes).values())))


def pairwise_auc(target: Targets, probabilities: Probabilities, classes: Sequence[str]) -> dict[str, float]:
    """AUC of each pair of classes (mean of both directions), by ``"A vs B"``; their mean is `auc_ovo`."""
    _need_all_classes(target, classes)
    members = [probabilities[target == index] for index in range(len(classes))]
    return {
        f"{classes[first]} vs {classes[second]}": float(
            np.mean([area(members[one][:, one], members[other][:, one]) for one, other in sides])
        )
        for (first, second), sides in directions(len(classes))
    }


def f1(target: Targets, probabilities: Probabilities, classes: Sequence[str], *, average: str = "macro") -> float:
    """F1 score, 2 hits / (members + predicted) per class; a class that is never predicted counts as zero.

    Args:
        target: class indices ``(subjects,)``.
        probabilities: ``(subjects, classes)``.
        classes: their names.
        average: over classes: ``macro``, or ``weighted`` by their members.
    """
    predicted = probabilities.argmax(axis=1)
    hits = np.bincount(target[predicted == target], minlength=len(classes))
    members = np.bincount(target, minlength=len(classes))
    sizes = members + np.bincount(predicted, minlength=len(classes))
    scores = np.divide(2.0 * hits, sizes, out=np.zeros(len(classes)), where=sizes > 0)
    return float(np.average(scores, weights=members if average == "weighted" else None))


def accuracy(target: Targets, probabilities: Probabilities, classes: Sequence[str]) -> float:
    """Share of subjects whose most probable class is the right one."""
    del classes
    return float((probabilities.argmax(axis=1) == target).mean())


def balanced_accuracy(target: Targets, probabilities: Probabilities, classes: Sequence[str]) -> float:
    """Mean over classes of the share that is recognised."""
    _need_all_classes(target, classes)
    hit = probabilities.argmax(axis=1) == target
    return float(np.mean([hit[target == index].mean() for index in range(len(classes))]))


def sensitivity(target: Targets, probabilities: Probabilities, classes: Sequence[str]) -> float:
    """Share of the positive subjects, those of the second of two classes, that are predicted positive."""
    hits, members, _ = _of_class(1, target, probabilities, classes)
    return hits / members


def specificity(target: Targets, probabilities: Probabilities, classes: Sequence[str]) -> float:
    """Share of the negative subjects, those of the first of two classes, that are predicted negative."""
    hits, members, _ = _of_class(0, target, probabilities, classes)
    return hits / members


def ppv(target: Targets, probabilities: Probabilities, classes: Sequence[str]) -> float:
    """Positive predictive value: share that is positive of those predicted so; 0 if none is, as in scikit-learn."""
    hits, _, predicted = _of_class(1, target, probabilities, classes)
    return hits / predicted if predicted else 0.0


def npv(target: Targets, probabilities: Probabilities, classes: Sequence[str]) -> float:
    """Negative predictive value: share that is negative of those predicted so; 0 if none is."""
    hits, _, predicted = _of_class(0, target, probabilities, classes)
    return hits / predicted if predicted else 0.0


def _of_class(
    index: int, target: Targets, probabilities: Probabilities, classes: Sequence[str]
) -> tuple[int, int, int]:
    """Of one of two classes: subjects that are predicted right, its subjects, and subjects predicted so.

    Raises:
        DataError: when there are not two classes, or one has no subject.
    """
    if len(classes) != 2:  # noqa: PLR2004 - that is what it is about
        raise DataError(
            f"sensitivity, specificity and predictive values are defined for two classes, but there are "
            f"{len(classes)}; choose another metric, such as balanced_accuracy"
        )
    _need_all_classes(target, classes)
    member, predicted = target == index, probabilities.argmax(axis=1) == index
    return int((member & predicted).sum()), int(member.sum()), int(predicted.sum())


def brier(target: Targets, probabilities: Probabilities, classes: Sequence[str]) -> float:
    """Brier score (Brier 1950): mean squared distance between probabilities and the one-hot target, 0 to 2."""
    one_hot = np.eye(len(classes))[target]
    return float(((probabilities - one_hot) ** 2).sum(axis=1).mean())


def calibration_bins(
    target: Targets, probabilities: Probabilities, *, bins: int = 10
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Mean confidence, accuracy and number of subjects by equal-width bins of the top probability.

    Returns:
        Three arrays ``(bins,)``; NaN where a bin is empty.
    """
    confidence = probabilities.max(axis=1)
    hit = probabilities.argmax(axis=1) == target
    index = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    count = np.bincount(index, minlength=bins)
    safe = np.where(count, count, 1)
    empty = np.where(count, 0.0, np.nan)
    return (
        np.bincount(index, weights=confidence, minlength=bins) / safe + empty,
        np.bincount(index, weights=hit, minlength=bins) / safe + empty,
        count.astype(np.int64),
    )


def ece(target: Targets, probabilities: Probabilities, classes: Sequence[str]) -> float:
    """Expected calibration error (Guo et al. 2017): top label, 10 equal-width bins."""
    del classes
    confidence, hit, count = calibration_bins(target, probabilities)
    used = count > 0
    return float((count[used] * np.abs(confidence[used] - hit[used])).sum() / count.sum())


def f1_weighted(target: Targets, probabilities: Probabilities, classes: Sequence[str]) -> float:
    """F1 score weighted by the classes' sizes."""
    return f1(target, probabilities, classes, average="weighted")


# What tasks may name in `Task.scores`.
METRICS: Mapping[str, MetricFunction] = {
    "auc_ovo": auc_ovo,
    "sensitivity": sensitivity,
    "specificity": specificity,
    "ppv": ppv,
    "npv": npv,
    "f1_macro": f1,
    "f1_weighted": f1_weighted,
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "brier": brier,
    "ece": ece,
    **TASK_METRICS,
}


LOWER_IS_BETTER = frozenset(
    {"brier", "ece", "mae", "rmse", "grade_mae", "label_brier", "integrated_brier"},
)
"""Of `METRICS`; of all others, higher values are better."""


def fold_metrics(
    fold: FoldPredictions, task: Task | Sequence[str], extra: Mapping[str, MetricFunction] | None = None
) -> dict[str, float]:
    """Every metric of one fold: the standard metrics of the task, then the others; pairwise AUCs as ``auc:A vs B``.

    Metrics of `Task.each` follow for each name, as ``mae:hba1c``.

    Args:
        fold: the predictions.
        task: class names stand for classification.
        extra: metrics of plugins by name.

    Raises:
        DataError: when a class is absent from the fold.
    """
    task = as_task(task)
    known = {**METRICS, **task.metrics}
    metrics = {score.name: known[score.name] for score in task.scores} | dict(extra or {})
    values = {name: metric(fold.target, fold.probabilities, task.names) for name, metric in metrics.items()}
    for score in task.each:
        for place, name in enumerate(task.names):
            column = slice(place, place + 1)
            values[f"{score.name}:{name}"] = known[score.name](
                fold.target[:, column], fold.probabilities[:, column], (name,)
            )
    if "auc_ovo" not in values:
        return values
    pairs = pairwise_auc(fold.target, fold.probabilities, task.names)
    return values | {f"auc:{pair}": value for pair, value in pairs.items()}


def summarise(
    predictions: Predictions, extra: Mapping[str, MetricFunction] | None = None
) -> dict[str, dict[str, Summary]]:
    """Every metric of every role over the folds: ``{role: {metric: Summary}}``."""
    result: dict[str, dict[str, Summary]] = {}
    for role in predictions.roles():
        rows = [fold_metrics(fold, predictions.task, extra) for fold in predictions.of(role)]
        result[role] = {name: Summary.of([row[name] for row in rows]) for name in rows[0]}
    return result


def _need_all_classes(target: Targets, classes: Sequence[str]) -> None:
    absent = [name for index, name in enumerate(classes) if not (target == index).any()]
    if absent:
        raise DataError(
            f"class {absent[0]!r} has no subject among the {len(target)} scored here, so its AUC is not defined; "
            f"use fewer folds or merge classes"
        )
