"""Prediction intervals of a regression, from the errors of out-of-fold predictions.

An interval is the prediction plus and minus a quantile of the absolute errors that the folds' networks made on subjects
that they were not trained on (split conformal prediction, Vovk et al. 2005, Lei et al. 2018, with the residuals of a
cross-validation). Of n patients the quantile at a level is the error at rank ``ceil((n + 1) x level)``, so that a new
patient of the same population is covered with at least this probability, if the model errs as the folds' networks do.
One that is trained on all subjects errs less, if anything; Barber et al. (2021) show what holds without that.

Errors of one patient are not independent: each counts 1 / number of the patient's errors, over subjects and repeats.
For one error per patient the intervals are those of crepes (`ConformalRegressor`), which the tests compare them with.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from xdistill.errors import ModelError, UserError
from xdistill.models.calibration.calibration import FittedOn, read_calibration
from xdistill.models.calibration.conformal import ROUNDING
from xdistill.models.calibration.out_of_fold import patients_of
from xdistill.recipe.schema.crossval import Crossval
from xdistill.runs import Run
from xdistill.runs.checksums import digest
from xdistill.tasks import Regression, Task

Floats = NDArray[np.float64]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class TargetErrors(BaseModel):
    """Absolute errors of one target.

    Attributes:
        errors: in the unit of the target, ascending.
        weights: of each; a patient's have a sum of 1. None: all are 1.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    errors: Annotated[tuple[NotNegative, ...], Field(min_length=1)]
    weights: tuple[Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)], ...] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if list(self.errors) != sorted(self.errors):
            raise ValueError("`errors` are not ascending")
        if self.weights is not None and len(self.weights) != len(self.errors):
            raise ValueError("there is not one weight per error")
        return self

    def half_width(self, level: float) -> float:
        """The error that is not exceeded at this level; infinite where there are too few patients for it."""
        weights = np.ones(len(self.errors)) if self.weights is None else np.asarray(self.weights)
        patients = round(float(weights.sum()))
        rank = math.ceil((patients + 1) * level - ROUNDING)
        if rank > patients:
            return math.inf
        place = np.searchsorted(np.cumsum(weights), rank - ROUNDING)
        return self.errors[min(int(place), len(self.errors) - 1)]


class Intervals(BaseModel):
    """What prediction intervals of a regression are made of.

    Attributes:
        targets: errors by name of the target.
        fitted_on: which predictions.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    targets: Annotated[dict[str, TargetErrors], Field(min_length=1)]
    fitted_on: FittedOn

    def half_widths(self, level: float) -> Floats:
        """By target, half the width of its intervals, ``(targets,)``; infinite where there are too few patients.

        Args:
            level: requested coverage, between 0 and 1, of every target by itself.

        Raises:
            UserError: for a level that is not between 0 and 1.
        """
        if not 0 < level < 1:
            raise UserError(f"`level` must be between 0 and 1, got {level}")
        return np.array([target.half_width(level) for target in self.targets.values()])

    def intervals(self, predictions: Floats, level: float) -> Floats:
        """Lower and upper ends, ``(subjects, targets, 2)``, of predictions ``(subjects, targets)``."""
        widths = self.half_widths(level)
        return np.stack([predictions - widths, predictions + widths], axis=2)

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dictionary."""
        return self.model_dump(mode="json")

    @classmethod
    def read(cls, path: Path, task: Task) -> Intervals:
        """What `to_json` returned, from a file.

        Raises:
            ModelError: if it is not valid, or of other targets than the model's.
        """
        found = read_calibration(cls, path)
        if tuple(found.targets) != task.names:
            raise ModelError(f"{path}: the calibration is for other targets than the model's; copy the model again")
        return found

    @classmethod
    def fit(
        cls,
        errors: Floats,
        names: tuple[str, ...],
        patients: NDArray[np.int64],
        *,
        run: str = "",
        repeats: int = 1,
        predictions_sha256: str = "",
    ) -> Intervals:
        """The intervals of errors of out-of-fold predictions.

        Args:
            errors: predicted minus true value, ``(predictions, targets)``.
            names: of the targets.
            patients: index of each prediction's patient, ``(predictions,)``.
            run: id of the run.
            repeats: predictions per subject.
            predictions_sha256: of the run's predictions.
        """
        weights = 1.0 / np.bincount(patients)[patients]
        several = bool((weights < 1).any())
        targets = {}
        for name, column in zip(names, np.abs(errors).T, strict=True):
            order = np.argsort(column, kind="stable")
            targets[name] = TargetErrors(
                errors=tuple(column[order].tolist()), weights=tuple(weights[order].tolist()) if several else None
            )
        return cls(
            targets=targets,
            fitted_on=FittedOn(
                run=run,
                subjects=len(errors) // repeats,
                patients=len(set(patients.tolist())),
                repeats=repeats,
                predictions_sha256=predictions_sha256,
            ),
        )

    @classmethod
    def of_run(cls, run: Run) -> Intervals | None:
        """The intervals by the out-of-fold predictions of a run's student.

        None for other tasks than regression, and for a run with an official split, or another that tests a part: it
        holds no out-of-fold predictions of training subjects.
        """
        crossval = Crossval.model_validate(run.record["recipe"].get("crossval") or {})
        if not isinstance(run.task, Regression) or not crossval.tests_all:
            return None
        folds = run.predictions.of("student")
        rows = {subject: row for row, subject in enumerate(dict.fromkeys(run.predictions.pooled("student").subjects))}
        patient_of = patients_of(run, rows)
        return cls.fit(
            np.concatenate([fold.probabilities - fold.target for fold in folds]),
            run.task.names,
            np.array([patient_of[rows[subject]] for fold in folds for subject in fold.subjects]),
            run=str(run.record.get("id", "")),
            repeats=len({fold.repeat for fold in folds}),
            predictions_sha256=digest(run.folder.predictions),
        )
