"""What an evaluation found, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xdistill.deployment.evaluate.drift import Drift
from xdistill.stats.delong import DeLong
from xdistill.tasks import Task


@dataclass(frozen=True)
class Estimate:
    """A figure with its bootstrap interval; None where it is not defined."""

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Operating:
    """One class called at a threshold.

    Attributes:
        rule: how the threshold was chosen, in words.
        threshold: a subject is called positive if the probability of the class is at least this.
        confusion: ``((negatives not called, called), (positives not called, called))``.
        sensitivity: share of positives that are called.
        specificity: share of negatives that are not.
        positive_predictive_value: share of called subjects that are positive.
        negative_predictive_value: share of others that are negative.
    """

    rule: str
    threshold: float
    confusion: tuple[tuple[int, int], tuple[int, int]]
    sensitivity: Estimate
    specificity: Estimate
    positive_predictive_value: Estimate
    negative_predictive_value: Estimate


@dataclass(frozen=True)
class Bin:
    """One bin of the reliability diagram: mean probability, share of positives with its interval, subjects."""

    probability: float
    share: Estimate
    subjects: int


@dataclass(frozen=True)
class Benefit:
    """Net benefit at one threshold; of treating no subject it is 0."""

    threshold: float
    model: Estimate
    against: float | None
    treat_all: float


@dataclass(frozen=True)
class OneClass:
    """One class against the others.

    Attributes:
        name: of the class.
        subjects: who are of the class.
        auc: one against the rest.
        slope: of the calibration; 1 is ideal, below it predictions are too extreme.
        intercept: calibration in the large; 0 is ideal, below it probabilities are too high.
        ece: expected calibration error of the class's probability.
        brier: mean squared distance of the class's probability, 0 to 1.
        bins: of the reliability diagram.
        benefit: the decision curve; empty if it was not requested for this class.
        operating: at the threshold; None if it was not requested for this class.
    """

    name: str
    subjects: int
    auc: Estimate
    slope: Estimate
    intercept: Estimate
    ece: Estimate
    brier: Estimate
    bins: tuple[Bin, ...]
    benefit: tuple[Benefit, ...] = ()
    operating: Operating | None = None


@dataclass(frozen=True)
class Sets:
    """Coverage of the prediction sets.

    Attributes:
        level: requested.
        coverage: share of subjects whose class is in their set.
        of_class: likewise, by class.
        size: mean number of classes in a set.
        empty: share of empty sets.
    """

    level: float
    coverage: Estimate
    of_class: Mapping[str, Estimate]
    size: Estimate
    empty: float


@dataclass(frozen=True)
class Detail:
    """A figure that fits the task, such as the calibration slope of one target.

    Attributes:
        of: what it is of: a target, a group of subjects.
        title: for people.
        estimate: its value; a share is 0 to 1.
        unit: of the value.
        percent: whether the value is a share, which people see in percent.
    """

    of: str
    title: str
    estimate: Estimate
    unit: str = ""
    percent: bool = False


@dataclass(frozen=True)
class Subgroup:
    """Subjects with the same value of a column."""

    column: str
    value: str
    subjects: int
    patients: int
    counts: Mapping[str, int]
    metrics: Mapping[str, Estimate]


@dataclass(frozen=True)
class Difference:
    """One metric of two models on the same patients.

    Attributes:
        model: of the first.
        against: of the second.
        difference: first - second, with its paired bootstrap interval.
        p_value: two-sided, of the paired bootstrap; None where it is not defined.
    """

    model: float | None
    against: float | None
    difference: Estimate
    p_value: float | None


@dataclass(frozen=True)
class Comparison:
    """Two models on the same patients.

    Attributes:
        against: the second model.
        metrics: differences by metric.
        delong: test of the difference in AUC by class; None where it is not defined.
    """

    against: str
    metrics: Mapping[str, Difference]
    delong: Mapping[str, DeLong | None]


@dataclass(frozen=True)
class Prediction:
    """One subject; only ``predictions.csv`` holds them. For tasks without classes as `Predicted` has it."""

    subject: str
    patient: str
    target: str
    predicted: str
    probabilities: tuple[float, ...]
    classes: tuple[str, ...] | None
    intervals: tuple[tuple[float, float], ...] | None
    flags: tuple[str, ...]


@dataclass(frozen=True)
class Evaluation:
    """A model on an external cohort.

    Attributes:
        model: name and origin.
        synthetic: whether the model was trained on generated subjects.
        table: file with the subjects.
        table_sha256: of it.
        task: what is predicted.
        classes: in the order of the probabilities; empty for tasks without.
        counts: subjects by class or label; of survival, subjects with an event.
        subjects: that were predicted.
        patients: of these subjects.
        unread: messages of subjects that could not be read.
        settings: level, resamples and seed of the intervals; columns and rules that were requested.
        metrics: standard metrics of the task.
        confusion: subjects by true class (rows) and predicted class; empty for tasks without classes.
        one_class: each class, or label, against the others; empty for tasks without probabilities.
        details: figures of other tasks.
        sets: None if the model is not calibrated.
        subgroups: by the columns that were requested.
        comparison: None without a second model.
        drift: None if the model says nothing of its training subjects.
        notes: what a reader has to know.
        versions: of the software.
        predictions: one per subject; not part of `to_json`.
        against_probabilities: of the second model.
    """

    model: Mapping[str, Any]
    synthetic: bool
    table: str
    table_sha256: str
    task: Task
    classes: tuple[str, ...]
    counts: Mapping[str, int]
    subjects: int
    patients: int
    unread: tuple[str, ...]
    settings: Mapping[str, Any]
    metrics: Mapping[str, Estimate]
    confusion: tuple[tuple[int, ...], ...]
    one_class: tuple[OneClass, ...]
    details: tuple[Detail, ...]
    sets: Sets | None
    subgroups: tuple[Subgroup, ...]
    comparison: Comparison | None
    drift: Drift | None
    notes: tuple[str, ...]
    versions: Mapping[str, str]
    predictions: tuple[Prediction, ...]
    against_probabilities: tuple[tuple[float, ...], ...] = ()

    @property
    def targets(self) -> NDArray[Any]:
        """Of the predicted subjects, ``(subjects, *target_shape)``."""
        return self.task.as_targets([self.task.parse_target(row.target) for row in self.predictions])

    def positive(self, place: int) -> NDArray[np.bool_]:
        """Who is of a class, or has a label, ``(subjects,)``."""
        outcomes = self.task.outcomes(self.targets)
        assert outcomes is not None  # noqa: S101 - only tasks with probabilities have `one_class`
        of_one: NDArray[np.bool_] = outcomes[:, place]
        return of_one

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dictionary without the ids of subjects."""
        data = asdict(self)
        for name in ("predictions", "against_probabilities", "unread"):
            del data[name]
        return {
            "format": "xdistill-evaluation",
            "format_version": 1,
            "unread": len(self.unread),
            **data,
            "task": self.task.to_json(),
        }
