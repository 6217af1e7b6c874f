"""Conformal prediction sets, for each class by itself, and for patients with several subjects.

A set holds every class that the subject fits no worse than a quantile of the training subjects of that class did (Vovk
et al. 2005; class-conditional, or Mondrian). The nonconformity score is the hinge, 1 - probability of the class.
Subjects of one patient are not independent: each counts 1 / number of the patient's subjects of the class (Lee, Barber
and Willett 2023, hierarchical conformal prediction).

Of n scores, the quantile at a level is the one at rank (n + 1) x level. Between two ranks it is interpolated (Carlsson
et al. 2015; Johansson et al. 2015), since rounding up makes the sets of small classes too large. Where the rank is a
whole number, the sets are those of crepes (`ConformalClassifier` with class labels as Mondrian categories, without
smoothing), which the tests compare them with. The arithmetic stands here so that prediction needs the stored scores
alone, and neither pandas nor scikit-learn.
"""

from __future__ import annotations

from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from xdistill.models.calibration.out_of_fold import OutOfFold

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
ROUNDING = 1e-9  # of ranks and scores: 10 x 0.9 is not 9 in binary


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

    def threshold(self, level: float) -> float:
        """The largest score with which a new subject may be of the class; 1 where too few patients exclude anything."""
        weights = np.ones(len(self.scores)) if self.weights is None else np.asarray(self.weights)
        ranks = np.cumsum(weights)
        patients = round(float(weights.sum()))
        rank = (patients + 1) * level
        if rank > patients + ROUNDING:
            return 1.0
        return float(np.interp(rank, ranks, self.scores))


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

    def thresholds(self, level: float) -> NDArray[np.float64]:
        """By class, the largest score with which it is in a set, ``(classes,)``."""
        return np.array([scores.threshold(level) for scores in self.classes.values()])

    def sets(self, probabilities: NDArray[np.float64], level: float) -> NDArray[np.bool_]:
        """Which classes are in the sets, ``(subjects, classes)``."""
        result: NDArray[np.bool_] = 1 - probabilities <= self.thresholds(level) + ROUNDING
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
