"""An external cohort as the student sees it: with the training cohort's columns, classes and nothing privileged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xdistill.data import CohortLike
from xdistill.errors import DataError, LeakError
from xdistill.experiment.external.alignment import ColumnMap, check_fits, mapped_targets
from xdistill.types import Schema

NAMED = "the test cohort (`test`)"


class ExternalCohort:
    """A `CohortLike` whose schema is the training cohort's, restricted to what the student reads.

    Args:
        cohort: the external cohort.
        training: schema of the training cohort.
        inputs: modalities that the student reads.

    Raises:
        DataError: if it does not fit.
    """

    def __init__(self, cohort: CohortLike, training: Schema, inputs: Sequence[str]) -> None:
        check_fits(training, cohort.schema, inputs)
        self._cohort = cohort
        self.schema = training.restricted_to(inputs)
        self.subjects = cohort.subjects
        self.patients = cohort.patients
        self.fingerprint = cohort.fingerprint
        self.labelled = cohort.labelled
        self.targets = mapped_targets(np.asarray(cohort.targets), cohort.schema.task, training.task)
        self._maps = {
            name: ColumnMap.of(spec, cohort.schema.modalities[name])
            for name, spec in self.schema.modalities.items()
            if spec.columns
        }

    def __len__(self) -> int:
        return len(self.subjects)

    def rows_of(self, subjects: Iterable[str]) -> NDArray[np.int64]:
        """Row indices of these subjects, in their order."""
        return self._cohort.rows_of(subjects)

    def present(self, modality: str) -> NDArray[np.bool_]:
        """Which subjects have a modality, ``(subjects,)``."""
        return self._cohort.present(modality)

    def values(self, modality: str, rows: Sequence[int] | NDArray[np.integer]) -> NDArray[Any]:
        """Values of some subjects in the training cohort's columns, ``(rows, *shape)``."""
        values = self._cohort.values(modality, rows)
        return self._maps[modality].apply(values) if modality in self._maps else values


def check_apart(training: tuple[Iterable[str], Iterable[str]], test: tuple[Iterable[str], Iterable[str]]) -> None:
    """Refuse an external cohort that has a subject or a patient of the training cohort.

    Args:
        training: subjects and patients of the training cohort.
        test: those of the external cohort.

    Raises:
        LeakError: with the number of shared ids.
    """
    ours, theirs = (set().union(*sides) for sides in (training, test))
    shared = ours & theirs
    if shared:
        count = (
            "1 id of a subject or patient is" if len(shared) == 1 else f"{len(shared)} ids of subjects or patients are"
        )
        raise LeakError(
            f"{NAMED} overlaps with the training cohort (`data`): {count} in both, the first is {min(shared)!r}; "
            f"remove them from one cohort, or give different people different ids"
        )


def check_complete(cohort: ExternalCohort, transformed: Iterable[str]) -> None:
    """Refuse subjects that lack what the student reads, missing values that nothing imputes, and absent classes.

    Args:
        cohort: the external cohort.
        transformed: modalities whose missing values a transform imputes.

    Raises:
        DataError: with the number of subjects.
    """
    everyone = np.arange(len(cohort))
    for modality, spec in cohort.schema.modalities.items():
        absent = int((~cohort.present(modality)).sum())
        if absent:
            raise DataError(
                f"{NAMED}: {absent} of {len(cohort)} subjects have no `{modality}`, which the student reads; remove "
                f"these subjects from it"
            )
        if spec.kind == "vector" and modality not in set(transformed):
            incomplete = int(np.isnan(cohort.values(modality, everyone)).any(axis=1).sum())
            if incomplete:
                raise DataError(
                    f"{NAMED}: {incomplete} of {len(cohort)} subjects lack values of `{modality}`, and the recipe has "
                    f"no transform that imputes them; add `transforms: [{{use: tabular, modality: {modality}}}]`"
                )
    task = cohort.schema.task
    missing = task.absent(cohort.targets)
    if missing:
        raise DataError(
            f"{NAMED} has no subject of {task.group} {missing[0]!r}, so its scores would be meaningless; use a cohort "
            f"with all {task.groups}"
        )
