"""The trained student as users hold it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xdistill.models.arrays import cohort_of
from xdistill.models.ensemble import Ensemble
from xdistill.models.save import save_model
from xdistill.models.stream import predict_stream
from xdistill.models.subject import Predicted
from xdistill.models.tables import one_subject, read_folder, read_table
from xdistill.tasks import Classification
from xdistill.training.evaluate import EVALUATION_BATCH


@dataclass(frozen=True)
class StudentModel(Ensemble):
    """A student, or an ensemble of students, that can predict for new subjects.

    `xdistill.load_model` reads one from a folder. ``predict_proba`` and ``predict`` take arrays and data frames;
    ``predict_table``, ``predict_files`` and ``predict_folder`` read files with the preprocessing of the training.
    """

    def predict_proba(self, X: Any, *, device: str = "auto", batch_size: int = EVALUATION_BATCH) -> NDArray[np.float64]:  # noqa: N803
        """Predictions of the task, ``(subjects, columns)``; class probabilities, calibrated if the model is.

        Args:
            X: a mapping from modality to array, tensor or DataFrame: exactly `inputs`. Values are preprocessed already.
            device: ``auto`` (that of the training, if this machine has it, else the best), ``cpu``, ``cuda`` or
                ``mps``.
            batch_size: subjects per batch; the last bits can depend on it.

        Raises:
            UserError: if a modality is missing, unknown or privileged, or not as in training.
        """
        return self.calibrated(self.predict_cohort(cohort_of(self, X), device=device, batch_size=batch_size))

    def predict(self, X: Any, *, device: str = "auto", batch_size: int = EVALUATION_BATCH) -> NDArray[Any]:  # noqa: N803
        """The predicted class of each subject, ``(subjects,)``; for tasks without classes that of `predict_proba`."""
        found = self.predict_proba(X, device=device, batch_size=batch_size)
        task = self.schema.task
        if not isinstance(task, Classification):
            return found
        chosen: NDArray[Any] = np.asarray(task.classes)[task.predicted(found)]
        return chosen

    def predict_table(self, path: Path | str, **options: Any) -> list[Predicted]:
        """Predictions for the subjects of a CSV file.

        Args:
            path: with a column per image modality, or per item of a vector; labels and further columns are ignored.
            options: those of `xdistill.models.stream.predict_stream`.
        """
        return list(predict_stream(self, read_table(self, Path(path)), **options))

    def predict_files(self, files: Mapping[str, Path | str], **options: Any) -> Predicted:
        """The prediction for one subject, by the file of each modality."""
        return next(iter(predict_stream(self, [one_subject(self, files)], **options)))

    def predict_folder(self, path: Path | str, **options: Any) -> list[Predicted]:
        """Predictions for the subjects of a folder; see `xdistill.models.tables.read_folder`."""
        return list(predict_stream(self, read_folder(self, Path(path)), **options))

    def save(self, path: Path | str) -> Path:
        """Write the model's folder; see `xdistill.models.save.save_model`."""
        return save_model(self, Path(path))
