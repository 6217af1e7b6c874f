"""What a request for a prediction is answered with."""

from __future__ import annotations

import math

import numpy as np
from pydantic import BaseModel, Field

from xdistill.models.model import StudentModel
from xdistill.models.subject import Predicted


class Prediction(BaseModel):
    """The prediction of a class for one subject."""

    prediction: str = Field(description="The predicted class.")
    probabilities: dict[str, float] = Field(description="By class; calibrated if the model is.")
    sd: float | None = Field(description="Standard deviation over the members of an ensemble, of the predicted class.")
    set: list[str] | None = Field(description="The conformal prediction set; null if the model is not calibrated.")
    level: float = Field(description="Coverage of the set.")
    flags: list[str] = Field(description="What is unusual about the subject.")


class Values(BaseModel):
    """The prediction of other tasks for one subject."""

    prediction: str = Field(description="In words, such as a number with its unit, a risk, or the labels.")
    predictions: dict[str, float] = Field(description="By column, as `xdistill predict` writes them.")
    probabilities: dict[str, float] | None = Field(description="By label; null for tasks without labels.")
    units: dict[str, str] = Field(description="Of the predictions that have one.")
    intervals: dict[str, tuple[float | None, float | None]] | None = Field(
        description="Lower and upper end by target; null if the model has none."
    )
    level: float = Field(description="Coverage of the intervals.")
    flags: list[str] = Field(description="What is unusual about the subject.")


def answer(model: StudentModel, found: Predicted, level: float) -> Prediction | Values:
    """The answer for one subject; of infinite ends of intervals null."""
    task = model.schema.task
    if found.prediction:
        return Prediction(
            prediction=found.prediction,
            probabilities=dict(zip(task.names, found.probabilities, strict=True)),
            sd=found.sd,
            set=None if found.classes is None else list(found.classes),
            level=level,
            flags=list(found.flags),
        )
    units = {column: unit for place, column in enumerate(task.columns) if (unit := task.unit_of(place))}
    ends = None
    if found.intervals is not None:
        ends = {
            name: (_finite(low), _finite(high)) for name, (low, high) in zip(task.names, found.intervals, strict=True)
        }
    return Values(
        prediction=task.in_words(np.array(found.probabilities)),
        predictions=dict(zip(task.columns, found.probabilities, strict=True)),
        probabilities=dict(zip(task.names, found.probabilities, strict=True)) if task.probabilistic else None,
        units=units,
        intervals=ends,
        level=level,
        flags=list(found.flags),
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
