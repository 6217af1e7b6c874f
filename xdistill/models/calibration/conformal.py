"""Conformal prediction sets, for each class by itself, and for patients with several subjects.

A set holds every class whose p-value is above 1 - level. The p-value of a class is the share of training subjects of
that class who fitted it no better than the new subject does (Vovk et al. 2005; class-conditional, or Mondrian). The
nonconformity score is the hinge, 1 - probability of the class. Subjects of one patient are not independent: each counts
1 / number of the patient's subjects of the class (Lee, Barber and Willett 2023, hierarchical conformal prediction).

The arithmetic is that of crepes (`ConformalClassifier` with class labels as Mondrian categories, without smoothing),
which the tests compare it with. It stands here so that prediction needs the stored scores alone, and neither pandas
nor scikit-learn.
"""

from __future__ import annotations

from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from xdistill.models.calibration.out_of_fold import OutOfFold

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
ROUNDING = 1e-9  # of a p-value: 1 - 0.9 is not 0.1 in binary


class ClassScores(BaseModel):
    """Nonconformity scores of the training subjects of one class.

    Attributes:
        scores: 1 - probability of the class, ascending.
        weights: of each score; patients with several subjects of the class have a sum of 1. None: all are 1.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    scores: tuple[Share, ...]
    weights: tuple[Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)], ...] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if list(self.scores) != sorted(self.scores):
            raise ValueError("`scores` are not ascending")
        if self.weights is not None and len(self.weights) != len(self.scores):
            raise ValueError("there is not one weight per score")
        return self

    def p_values(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """The weighted share of stored scores, and of a new one itself, that are at least as large: ``(subjects,)``."""
        known = np.asarray(self.scores)
        weights = np.ones(len(known)) if self.weights is None else np.asarray(self.weights)
        beyond = np.append(np.cumsum(weights[::-1])[::-1], 0.0)  # total weight from each score on
        total = round(float(weights.sum()))  # the number of patients
        result: NDArray[np.float64] = (beyond[known.searchsorted(scores, "left")] + 1) / (total + 1)
        return result


class Conformal(BaseModel):
    """What prediction sets are made of.

    Attributes:
        score: the kind of nonconformity score.
        classes: scores by name of the class.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    score: Annotated[str, Field(pattern="^hinge$")] = "hinge"
    classes: dict[str, ClassScores]

    @classmethod
    def fit(cls, data: OutOfFold, classes: tuple[str, ...]) -> Conformal:
        """The scores of calibrated predictions."""
        return cls(
            classes={name: _scores(data, place) for place, name in enumerate(classes)},
        )

    def p_values(self, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
        """P-value of every class, ``(subjects, classes)``."""
        columns = [scores.p_values(1 - probabilities[:, place]) for place, scores in enumerate(self.classes.values())]
        return np.stack(columns, axis=1)

    def sets(self, probabilities: NDArray[np.float64], level: float) -> NDArray[np.bool_]:
        """Which classes are in the sets, ``(subjects, classes)``."""
        result: NDArray[np.bool_] = self.p_values(probabilities) > 1 - level + ROUNDING
        return result


def _scores(data: OutOfFold, place: int) -> ClassScores:
    members = np.flatnonzero(data.targets == place)
    scores = np.clip(1 - data.probabilities[members, place], 0, 1)
    order = np.argsort(scores, kind="stable")
    of_patient = np.bincount(data.patients)
    of_patient = np.bincount(data.patients[members], minlength=len(of_patient))
    weights = 1.0 / of_patient[data.patients[members]]
    several = bool((weights < 1).any())
    return ClassScores(
        scores=tuple(scores[order].tolist()), weights=tuple(weights[order].tolist()) if several else None
    )
