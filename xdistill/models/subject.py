"""A new subject before its files are read, and what is predicted for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from xdistill.interfaces.reader import Cell


@dataclass(frozen=True)
class NewSubject:
    """One subject to predict for.

    Attributes:
        subject: its id.
        cells: by modality, where it is; None if the subject lacks it.
        vectors: by modality, values that stand in the table itself; NaN is missing.
        where: file and line, for messages.
        row: the table's row, by column.
    """

    subject: str
    cells: Mapping[str, Cell | None]
    vectors: Mapping[str, NDArray[np.float64]]
    where: str
    row: Mapping[str, str]


@dataclass(frozen=True)
class Predicted:
    """The prediction for one subject.

    Attributes:
        subject: its id.
        prediction: the predicted class; empty for tasks without classes, and if the subject could not be read.
        probabilities: of the classes, calibrated if the model is; for other tasks the columns of the prediction. Empty
            if the subject could not be read.
        sd: standard deviation over the members of the probability of the predicted class; None for one member.
        intervals: lower and upper end of each target of a regression; None if the model has no intervals.
        classes: the conformal prediction set, the most probable class first; None if the model is not calibrated.
        flags: what is unusual about the subject: a modality that it lacks, values outside of the range of training.
        inputs: by modality, statistics of an image in the order of `xdistill.models.inputs.STATISTICS`, or the values
            of a vector; only if they were requested.
        error: why it could not be read; empty if it could.
    """

    subject: str
    prediction: str = ""
    probabilities: tuple[float, ...] = ()
    sd: float | None = None
    classes: tuple[str, ...] | None = None
    intervals: tuple[tuple[float, float], ...] | None = None
    flags: tuple[str, ...] = ()
    inputs: Mapping[str, NDArray[np.float64]] = field(default_factory=dict, repr=False, compare=False)
    error: str = ""
