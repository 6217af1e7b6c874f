"""Calibration of a model's probabilities, fitted on out-of-fold predictions alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from xdistill.errors import ModelError, UserError
from xdistill.models.calibration.conformal import Conformal
from xdistill.models.calibration.operating import COSTS, SENSITIVITY, OperatingCurve, Threshold
from xdistill.models.calibration.out_of_fold import OutOfFold
from xdistill.models.calibration.temperature import BOUNDS, SPREADS, fit_temperature, scaled
from xdistill.models.config import StudentConfig
from xdistill.models.files import read_json
from xdistill.runs import Run
from xdistill.runs.checksums import digest
from xdistill.tasks import Classification


class FittedOn(BaseModel):
    """Which out-of-fold predictions a calibration was fitted on.

    Attributes:
        run: id of the run.
        subjects: how many; predictions of a subject are averaged over repeats.
        patients: how many.
        repeats: predictions per subject.
        predictions_sha256: of the run's ``predictions.csv``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: str = ""
    subjects: Annotated[int, Field(ge=1)]
    patients: Annotated[int, Field(ge=1)]
    repeats: Annotated[int, Field(ge=1)] = 1
    predictions_sha256: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""


_Kind = TypeVar("_Kind", bound=BaseModel)


def read_calibration(kind: type[_Kind], path: Path) -> _Kind:
    """What a file of a model folder holds of its calibration.

    Raises:
        ModelError: naming the field that is not valid.
    """
    try:
        return kind.model_validate(read_json(path))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "the whole file"
        raise ModelError(f"{path}: not a calibration: `{field}`: {first['msg']}; copy the model again") from None


class Calibration(BaseModel):
    """Temperature, conformal scores and operating thresholds of a classifier.

    Attributes:
        temperature: by which log probabilities are divided (Guo et al., ICML 2017).
        spread: by which those of the out-of-fold predictions were multiplied before, since those of the model vary less
            than those of the folds' networks. 1 if that is unknown.
        conformal: scores for prediction sets.
        curves: sensitivity and specificity at every threshold, by class against the others.
        thresholds: chosen ones; `curve` chooses others.
        fitted_on: which predictions.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    temperature: Annotated[float, Field(ge=BOUNDS[0] / 2, le=2 * BOUNDS[1], allow_inf_nan=False)]
    spread: Annotated[float, Field(ge=SPREADS[0], le=SPREADS[1], allow_inf_nan=False)] = 1.0
    conformal: Conformal
    curves: tuple[OperatingCurve, ...]
    thresholds: tuple[Threshold, ...]
    fitted_on: FittedOn

    @model_validator(mode="after")
    def _one_curve_per_class(self) -> Self:
        if [curve.positive for curve in self.curves] != list(self.conformal.classes):
            raise ValueError("`curves` are not of the classes of `conformal`")
        if any(item.positive not in self.conformal.classes for item in self.thresholds):
            raise ValueError("a threshold is of an unknown class")
        return self

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the columns."""
        return tuple(self.conformal.classes)

    def apply(self, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probabilities after temperature scaling, ``(subjects, classes)``."""
        return scaled(probabilities, self.temperature)

    def sets(self, probabilities: NDArray[np.float64], level: float) -> NDArray[np.bool_]:
        """Which classes are in the prediction sets, ``(subjects, classes)``.

        A set may be empty: then the subject fits every class worse than nearly all training subjects of it did.

        Args:
            probabilities: after `apply`.
            level: requested coverage, between 0 and 1, of every class by itself.

        Raises:
            UserError: for a level that is not between 0 and 1.
        """
        if not 0 < level < 1:
            raise UserError(f"`level` must be between 0 and 1, got {level}")
        return self.conformal.sets(probabilities, level)

    def curve(self, positive: str) -> OperatingCurve:
        """Sensitivity and specificity of one class against the others.

        Raises:
            UserError: if there is no such class.
        """
        for curve in self.curves:
            if curve.positive == positive:
                return curve
        raise UserError(f"there is no class {positive!r}. Classes: {', '.join(self.classes)}")

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dictionary."""
        return self.model_dump(mode="json")

    @classmethod
    def read(cls, path: Path, config: StudentConfig) -> Calibration:
        """What `to_json` returned, from a file.

        Raises:
            ModelError: if it is not valid, or of other classes than the model's.
        """
        found = read_calibration(cls, path)
        if found.classes != config.schema_of_inputs.classes:
            raise ModelError(f"{path}: the calibration is for other classes than the model's; copy the model again")
        return found

    @classmethod
    def fit(
        cls,
        data: OutOfFold,
        classes: tuple[str, ...],
        *,
        spread: float = 1.0,
        sensitivity: float = SENSITIVITY,
        costs: tuple[float, float] = COSTS,
        run: str = "",
        predictions_sha256: str = "",
    ) -> Calibration:
        """Fit a calibration on out-of-fold predictions; every patient counts once.

        Args:
            data: predictions of training subjects by networks that were not trained on them.
            classes: their names; each has a subject.
            spread: of the model's log probabilities, relative to those of the folds' networks; see `relative_spread`.
            sensitivity: for which a threshold is chosen, in addition to Youden's.
            costs: of a false negative and of a false positive, for a third threshold.
            run: id of the run.
            predictions_sha256: of its predictions.

        Raises:
            UserError: for a sensitivity or costs that are not possible.
        """
        spread = min(max(spread, SPREADS[0]), SPREADS[1])
        known = scaled(data.probabilities, 1 / spread)
        temperature = fit_temperature(data.targets, known, data.weights)
        calibrated = replace(data, probabilities=scaled(known, temperature))
        curves = tuple(OperatingCurve.fit(calibrated, place, name) for place, name in enumerate(classes))
        # Of two classes, the second is the positive one, as for the AUC.
        positives = curves[1:] if len(classes) == 2 else curves  # noqa: PLR2004 - the binary case
        return cls(
            temperature=temperature,
            spread=spread,
            conformal=Conformal.fit(calibrated, classes),
            curves=curves,
            thresholds=tuple(
                threshold
                for curve in positives
                for threshold in (curve.youden(), curve.at_sensitivity(sensitivity), curve.by_costs(*costs))
            ),
            fitted_on=FittedOn(
                run=run,
                subjects=len(data.targets),
                patients=len(set(data.patients.tolist())),
                repeats=data.repeats,
                predictions_sha256=predictions_sha256,
            ),
        )

    @classmethod
    def of_run(
        cls,
        run: Run,
        *,
        spread: float = 1.0,
        sensitivity: float = SENSITIVITY,
        costs: tuple[float, float] = COSTS,
    ) -> Calibration | None:
        """The calibration by the out-of-fold predictions of a run's student; see `fit`.

        None for other tasks than classification, and for a run with an official split, which holds no out-of-fold
        predictions of training subjects.
        """
        task = run.task
        data = OutOfFold.of_run(run) if isinstance(task, Classification) else None
        if data is None:
            return None
        return cls.fit(
            data,
            task.names,
            spread=spread,
            sensitivity=sensitivity,
            costs=costs,
            run=str(run.record.get("id", "")),
            predictions_sha256=digest(run.folder.predictions),
        )
