"""Metrics of ordinal classification, whose classes are grades in ascending order.

Predictions are probabilities of the grades. The predicted grade is their median, the lowest grade that the subject is
at or below with a probability of at least one half. It makes the expected absolute error smallest, and is the grade
that CORN and cumulative link models count from their thresholds.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from xdistill.errors import DataError

Grades = NDArray[np.int64]
Probabilities = NDArray[np.float64]
_ROUNDING = 1e-9  # of sums of probabilities


def predicted_grades(probabilities: Probabilities) -> Grades:
    """The median grade ``(subjects,)`` of probabilities ``(subjects, grades)``.

    >>> predicted_grades(np.array([[0.4, 0.3, 0.3], [0.5, 0.0, 0.5]])).tolist()
    [1, 0]
    """
    grades: Grades = (probabilities.cumsum(axis=1) >= 0.5 - _ROUNDING).argmax(axis=1)
    return grades


def quadratic_weighted_kappa(target: Grades, probabilities: Probabilities, grades: Sequence[str]) -> float:
    """Cohen's kappa with quadratic weights (Cohen 1968): 1 at best, 0 for chance.

    One minus the mean squared distance of target and predicted grade, divided by that of pairs drawn from both at
    random; scikit-learn's ``cohen_kappa_score(weights="quadratic")``.

    Args:
        target: indices of the grades ``(subjects,)``.
        probabilities: ``(subjects, grades)``.
        grades: their names.

    Raises:
        DataError: when all subjects are of one grade.
    """
    from sklearn.metrics import cohen_kappa_score

    if len(set(target.tolist())) == 1:
        raise DataError(
            f"all of the {len(target)} subjects scored here are of the grade {grades[int(target[0])]!r}, so agreement "
            f"beyond chance is not defined; use fewer folds or merge grades"
        )
    places = list(range(len(grades)))
    return float(cohen_kappa_score(target, predicted_grades(probabilities), labels=places, weights="quadratic"))


def grade_accuracy(target: Grades, probabilities: Probabilities, grades: Sequence[str]) -> float:
    """Share of subjects whose predicted grade is the right one, 0 to 1."""
    del grades
    return float((predicted_grades(probabilities) == target).mean())


def grade_error(target: Grades, probabilities: Probabilities, grades: Sequence[str]) -> float:
    """Mean absolute error in grades: how many grades the prediction is off; lower is better."""
    del grades
    return float(np.abs(predicted_grades(probabilities) - target).mean())
