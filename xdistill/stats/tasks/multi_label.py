"""Metrics of multi-label classification: every label is there or not, for each subject.

Areas are means over those labels that some of the scored subjects have and some lack, since the area of any other
label is not defined; F1 and subset accuracy count all labels, at a probability of one half.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from xdistill.errors import DataError
from xdistill.stats.areas import area

Labels = NDArray[np.int64]
Probabilities = NDArray[np.float64]
THRESHOLD = 0.5  # probability from which a label is predicted


def macro_auc(target: Labels, probabilities: Probabilities, labels: Sequence[str]) -> float:
    """Mean over labels of the area under the ROC curve, 0 to 1.

    Args:
        target: 0 or 1, ``(subjects, labels)``.
        probabilities: that the subject has the label, ``(subjects, labels)``.
        labels: their names.

    Raises:
        DataError: when no label is there for some subjects and missing for others.
    """
    columns = _scorable(target, probabilities, labels)
    return float(np.mean([area(scores[wanted == 1], scores[wanted == 0]) for wanted, scores in columns]))


def mean_average_precision(target: Labels, probabilities: Probabilities, labels: Sequence[str]) -> float:
    """Mean over labels of the average precision, the area under the precision-recall curve as steps; 0 to 1.

    scikit-learn's ``average_precision_score``. Arguments and errors as `macro_auc`.
    """
    from sklearn.metrics import average_precision_score

    columns = _scorable(target, probabilities, labels)
    return float(np.mean([average_precision_score(wanted, scores) for wanted, scores in columns]))


def micro_f1(target: Labels, probabilities: Probabilities, labels: Sequence[str]) -> float:
    """F1 score of all cells of the table of subjects and labels together; 0 if there is nothing to find."""
    del labels
    hits, size = _hits(target, probabilities)
    return float(2 * hits.sum() / max(size.sum(), 1))


def macro_f1(target: Labels, probabilities: Probabilities, labels: Sequence[str]) -> float:
    """Mean over labels of the F1 score; a label that is neither there nor predicted counts as zero."""
    del labels
    hits, size = _hits(target, probabilities)
    return float((2 * hits / np.maximum(size, 1)).mean())


def subset_accuracy(target: Labels, probabilities: Probabilities, labels: Sequence[str]) -> float:
    """Share of subjects whose labels are all predicted right, 0 to 1."""
    del labels
    return float((_predicted(probabilities) == target).all(axis=1).mean())


def brier(target: Labels, probabilities: Probabilities, labels: Sequence[str]) -> float:
    """Mean squared distance of probability and label, over subjects and labels, 0 to 1; lower is better."""
    del labels
    return float(((probabilities - target) ** 2).mean())


def _predicted(probabilities: Probabilities) -> NDArray[np.bool_]:
    predicted: NDArray[np.bool_] = probabilities >= THRESHOLD
    return predicted


def _hits(target: Labels, probabilities: Probabilities) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """By label: subjects who have it and of whom it is predicted, and the sum of both groups."""
    wanted, predicted = target == 1, _predicted(probabilities)
    return (wanted & predicted).sum(axis=0), wanted.sum(axis=0) + predicted.sum(axis=0)


def _scorable(
    target: Labels, probabilities: Probabilities, labels: Sequence[str]
) -> Iterator[tuple[Labels, Probabilities]]:
    """Target and probabilities of each label that has subjects of both kinds."""
    both = (target == 1).any(axis=0) & (target == 0).any(axis=0)
    if not both.any():
        raise DataError(
            f"none of the labels {', '.join(labels)} is there for some of the {len(target)} subjects scored here and "
            f"missing for others, so no area is defined; use fewer folds or leave out rare labels"
        )
    return ((target[:, place], probabilities[:, place]) for place in np.flatnonzero(both))
