"""The external test cohort of a finished run: what the students of the folds predicted for it, and their scores."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from xdistill.errors import RunError
from xdistill.runs.files import read_json
from xdistill.runs.folder import EXTERNAL
from xdistill.runs.record import Run
from xdistill.stats import (
    FoldPredictions,
    Interval,
    MetricFunction,
    Predictions,
    Summary,
    mean_intervals,
    read_predictions,
    summarise,
)
from xdistill.tasks import Task

PATIENTS = "external_patients"  # in splits.json: patient by subject, if a patient has several subjects
STUDENT, ENSEMBLE = "student", "ensemble"


@dataclass(frozen=True)
class ExternalResult:
    """Predictions for an external cohort.

    Attributes:
        predictions: of the student of each fold, for all external subjects.
        patients: patient by subject; None if every subject is a patient of its own.
        extra: metrics of plugins by name.
    """

    predictions: Predictions
    patients: Mapping[str, str] | None = None
    extra: Mapping[str, MetricFunction] | None = None

    @cached_property
    def folds(self) -> dict[str, tuple[FoldPredictions, ...]]:
        """By role: the students of the folds, and the mean of their predictions if there are several."""
        students = self.predictions.of(STUDENT)
        return {STUDENT: students, **({ENSEMBLE: (mean_prediction(students),)} if len(students) > 1 else {})}

    @cached_property
    def metrics(self) -> dict[str, dict[str, Summary]]:
        """Every metric by role: over the students of the folds, and of the mean of their predictions."""
        every = tuple(fold for folds in self.folds.values() for fold in folds)
        return summarise(Predictions(self.task, every), self.extra)

    def intervals(self, role: str, wanted: Collection[str] | None = None) -> dict[str, Interval]:
        """95 % bootstrap intervals over external patients, by metric.

        Args:
            role: of `folds`.
            wanted: names of metrics; None: all.
        """
        return mean_intervals(self.folds[role], self.task, self.metrics[role], self.patients, wanted)

    @property
    def task(self) -> Task:
        """What is predicted."""
        return self.predictions.task


def mean_prediction(folds: tuple[FoldPredictions, ...]) -> FoldPredictions:
    """The mean over networks that predicted the same subjects in the same order."""
    return replace(
        folds[0], role=ENSEMBLE, repeat=0, fold=0, probabilities=np.mean([fold.probabilities for fold in folds], axis=0)
    )


def external_result(run: Run) -> ExternalResult | None:
    """The results on the external cohort; None if the recipe has none.

    Raises:
        RunError: if its predictions cannot be read.
    """
    if not run.record.get("external"):
        return None
    known: Any = read_json(run.folder.splits).get(PATIENTS)
    predictions = read_predictions(run.folder.external, run.task)
    return ExternalResult(predictions, known if isinstance(known, Mapping) else None, run.extra_metrics)


def external_summary(run: Run) -> dict[str, dict[str, Any]]:
    """Scores on the external cohort as plain data: ``{role: {metric: {mean, sd, folds, low, high}}}``."""
    result = external_result(run)
    if result is None:
        return {}
    return {role: _plain(values, result.intervals(role)) for role, values in result.metrics.items()}


def _plain(values: Mapping[str, Summary], intervals: Mapping[str, Interval]) -> dict[str, Any]:
    return {
        name: {"mean": value.mean, "sd": value.sd, "folds": list(value.folds), **_ends(intervals.get(name))}
        for name, value in values.items()
    }


def _ends(interval: Interval | None) -> dict[str, float]:
    return {} if interval is None else {"low": interval.low, "high": interval.high}


def check_external(run: Run) -> None:
    """Check that the predictions for the external cohort are those of the folds, and the scores in the record theirs.

    Raises:
        RunError: naming the file.
    """
    result = external_result(run)
    if result is None:
        return
    path = run.folder.external
    subjects = {fold.subjects for fold in result.predictions.folds}
    wanted = {(fold.repeat, fold.fold) for fold in run.predictions.of(STUDENT)}
    found = {(fold.repeat, fold.fold) for fold in result.predictions.folds}
    if len(subjects) != 1 or found != wanted or len(next(iter(subjects))) != run.record["external"]["subjects"]:
        raise RunError(f"{path}: does not have every subject of the external cohort once for each fold")
    for fold in result.predictions.folds:
        place = run.folder.fold(f"r{fold.repeat}-f{fold.fold}") / EXTERNAL
        (part,) = read_predictions(place, run.task).folds
        if part.subjects != fold.subjects or not np.array_equal(part.probabilities, fold.probabilities):
            raise RunError(f"{path}: the predictions of fold r{fold.repeat}-f{fold.fold} differ from those in {place}")
    _check_scores(run, result)


def _check_scores(run: Run, result: ExternalResult) -> None:
    claimed = run.record["external"].get("summary") or {}
    for role, values in summarise(Predictions(result.task, sum(result.folds.values(), ()))).items():
        for name, value in values.items():
            claim = claimed.get(role, {}).get(name)
            if claim is not None and not np.isclose(claim["mean"], value.mean, rtol=0, atol=1e-9, equal_nan=True):
                raise RunError(
                    f"{run.folder.record}: the mean of {name} of the {role} on the external cohort is "
                    f"{claim['mean']:.6g}, but from {run.folder.external.name} it is {value.mean:.6g}"
                )
