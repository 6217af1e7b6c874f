"""Operating thresholds of one class against the others, chosen on out-of-fold predictions of training subjects."""

from __future__ import annotations

from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from xdistill.errors import UserError
from xdistill.models.calibration.out_of_fold import OutOfFold

Rule = Literal["youden", "sensitivity", "costs"]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
UNREACHABLE = 1.000001  # threshold that no probability reaches
SENSITIVITY = 0.9  # asked for by default
COSTS = (1.0, 1.0)


class Threshold(BaseModel):
    """A subject is called positive if the probability of the positive class is at least ``value``.

    Attributes:
        positive: name of the class.
        rule: how it was chosen.
        parameters: of the rule: the requested sensitivity, or the costs of a false negative and a false positive.
        value: the threshold, of calibrated probabilities.
        sensitivity: of the out-of-fold predictions, optimistic by as much as a choice among thresholds is.
        specificity: likewise.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    positive: str
    rule: Rule
    parameters: tuple[Annotated[float, Field(ge=0, allow_inf_nan=False)], ...] = ()
    value: Annotated[float, Field(ge=0, le=UNREACHABLE, allow_inf_nan=False)]
    sensitivity: Share
    specificity: Share


class OperatingCurve(BaseModel):
    """Sensitivity and specificity at every threshold of the out-of-fold probabilities of one class.

    Attributes:
        positive: name of the class.
        prevalence: share of positives.
        thresholds: descending; at the first no subject is called positive, at the last all are.
        sensitivity: at each threshold; every patient counts once.
        specificity: likewise.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    positive: str
    prevalence: Share
    thresholds: tuple[Annotated[float, Field(ge=0, le=UNREACHABLE, allow_inf_nan=False)], ...]
    sensitivity: tuple[Share, ...]
    specificity: tuple[Share, ...]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.thresholds or list(self.thresholds) != sorted(self.thresholds, reverse=True):
            raise ValueError("`thresholds` are not descending")
        if not len(self.thresholds) == len(self.sensitivity) == len(self.specificity):
            raise ValueError("there is not one sensitivity and one specificity per threshold")
        return self

    @classmethod
    def fit(cls, data: OutOfFold, place: int, name: str) -> OperatingCurve:
        """The curve of calibrated out-of-fold predictions; both kinds of subjects are there."""
        positive = data.targets == place
        score, weights = data.probabilities[:, place], data.weights
        order = np.argsort(-score, kind="stable")
        last = np.append(np.flatnonzero(np.diff(score[order])), len(order) - 1)  # of each group of ties
        caught = np.cumsum((weights * positive)[order])[last]
        false = np.cumsum((weights * ~positive)[order])[last]
        return cls(
            positive=name,
            prevalence=_share(caught[-1] / weights.sum()),
            thresholds=(UNREACHABLE, *score[order][last].tolist()),
            sensitivity=(0.0, *map(_share, caught / caught[-1])),
            specificity=(1.0, *map(_share, 1 - false / false[-1])),
        )

    def youden(self) -> Threshold:
        """Where sensitivity + specificity - 1 is largest (Youden 1950); of ties, the highest threshold."""
        return self._at(int(np.argmax(self._index())), "youden")

    def at_sensitivity(self, sensitivity: float) -> Threshold:
        """The highest threshold whose sensitivity is at least this one.

        Raises:
            UserError: if it is not above 0 and at most 1.
        """
        if not 0 < sensitivity <= 1:
            raise UserError(f"a sensitivity must be above 0 and at most 1, such as 0.9, got {sensitivity}")
        reached = np.asarray(self.sensitivity) >= sensitivity - 1e-12
        return self._at(int(np.argmax(reached)), "sensitivity", sensitivity)

    def by_costs(self, false_negative: float, false_positive: float) -> Threshold:
        """Where the mean cost is smallest, at the prevalence of the training cohort; of ties, the highest threshold.

        Raises:
            UserError: if the costs are not above 0.
        """
        if not (0 < false_negative < np.inf and 0 < false_positive < np.inf):
            raise UserError(f"costs must be above 0, got {false_negative} and {false_positive}")
        missed = self.prevalence * (1 - np.asarray(self.sensitivity))
        alarms = (1 - self.prevalence) * (1 - np.asarray(self.specificity))
        cost = np.round(false_negative * missed + false_positive * alarms, 12)
        return self._at(int(np.argmin(cost)), "costs", false_negative, false_positive)

    def _index(self) -> NDArray[np.float64]:
        """Youden's index at each threshold, rounded so that ties are ties."""
        index: NDArray[np.float64] = np.round(np.asarray(self.sensitivity) + np.asarray(self.specificity) - 1, 12)
        return index

    def _at(self, place: int, rule: Rule, *parameters: float) -> Threshold:
        return Threshold(
            positive=self.positive,
            rule=rule,
            parameters=parameters,
            value=self.thresholds[place],
            sensitivity=self.sensitivity[place],
            specificity=self.specificity[place],
        )


def _share(value: float) -> float:
    """A share without the last bit by which a sum of weights misses 0 or 1."""
    return float(min(1.0, max(0.0, value)))
