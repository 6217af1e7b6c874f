"""Out-of-fold predictions of a finished run: what calibration is fitted on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xdistill.errors import RunError
from xdistill.recipe.schema.crossval import Crossval
from xdistill.runs import Run
from xdistill.runs.files import read_json


@dataclass(frozen=True)
class OutOfFold:
    """One prediction per subject, made by networks that were not trained on it.

    Attributes:
        targets: class indices, ``(subjects,)``.
        probabilities: ``(subjects, classes)``, the mean over repeats.
        patients: index of each subject's patient, ``(subjects,)``.
        repeats: how many predictions of a subject were averaged.
    """

    targets: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    patients: NDArray[np.int64]
    repeats: int = 1

    @property
    def weights(self) -> NDArray[np.float64]:
        """1 / number of the patient's subjects, ``(subjects,)``: every patient counts once."""
        weights: NDArray[np.float64] = 1.0 / np.bincount(self.patients)[self.patients]
        return weights

    @classmethod
    def of_run(cls, run: Run) -> OutOfFold | None:
        """The student's predictions in a run; None if the recipe used an official split, or another that tests a part.

        Such a split tests one part of the cohort with networks that were trained on the other. There are no
        predictions of training subjects then, and the test part stays untouched.

        Raises:
            RunError: if the run's files do not fit each other.
        """
        if not Crossval.model_validate(run.record["recipe"].get("crossval") or {}).tests_all:
            return None
        row: dict[str, int] = {}
        total: list[NDArray[np.float64]] = []
        count: list[int] = []
        targets: list[int] = []
        for fold in run.predictions.of("student"):
            for subject, target, values in zip(fold.subjects, fold.target, fold.probabilities, strict=True):
                place = row.setdefault(subject, len(row))
                if place == len(total):
                    total.append(np.zeros(len(values)))
                    count.append(0)
                    targets.append(int(target))
                total[place] = total[place] + values
                count[place] += 1
        if not row or len(set(count)) > 1:
            raise RunError(f"{run.folder.predictions}: not every subject is predicted once per repeat")
        return cls(
            np.array(targets, dtype=np.int64),
            np.stack(total) / count[0],
            patients_of(run, row),
            count[0],
        )


def patients_of(run: Run, rows: Mapping[str, int]) -> NDArray[np.int64]:
    """Index of each subject's patient; the run names patients only if one has several subjects."""
    known: Any = read_json(run.folder.splits).get("patients") if run.folder.splits.is_file() else None
    if known is None:
        return np.arange(len(rows), dtype=np.int64)
    try:
        names = [str(known[subject]) for subject in rows]
    except (KeyError, TypeError):
        raise RunError(f"{run.folder.splits}: `patients` must name the patient of every subject") from None
    index = {name: place for place, name in enumerate(dict.fromkeys(names))}
    return np.array([index[name] for name in names], dtype=np.int64)
