"""The training subjects of a split, and no others: the only subjects that anything is fitted on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xdistill.data.protocol import CohortLike
from xdistill.data.splits import Split
from xdistill.errors import DataError, LeakError
from xdistill.types import Schema


class TrainingView:
    """The training subjects of a split. Everything that is fitted is fitted on a training view.

    It gives no access to validation or test subjects.

    Args:
        cohort: the cohort.
        split: the split.
        subjects: some of its training subjects; default: all.

    Raises:
        LeakError: for a patient with subjects in the training part and in another part, and if ``subjects`` contains
            a validation or test subject.
        DataError: for a subject that the cohort or the split does not have.
    """

    def __init__(self, cohort: CohortLike, split: Split, subjects: Sequence[str] | None = None) -> None:
        patient_of = dict(zip(cohort.subjects, cohort.patients, strict=True))
        unseen = (*split.validation, *split.test)
        cohort.rows_of((*split.train, *unseen))
        shared = {patient_of[subject] for subject in split.train} & {patient_of[subject] for subject in unseen}
        if shared:
            raise LeakError(f"{split.where}: patient {min(shared)!r} is in the training part and in another part")
        chosen = split.train if subjects is None else tuple(subjects)
        _check_members(split, chosen)
        self._cohort = cohort
        self._split = split
        self._subjects = chosen
        self._rows = cohort.rows_of(chosen)

    def __len__(self) -> int:
        return len(self._subjects)

    @property
    def schema(self) -> Schema:
        """The cohort's schema."""
        return self._cohort.schema

    @property
    def split(self) -> Split:
        """The split whose training part this is."""
        return self._split

    @property
    def subjects(self) -> tuple[str, ...]:
        """Ids."""
        return self._subjects

    @property
    def targets(self) -> NDArray[Any]:
        """Targets of the task, for classification class indices ``(subjects,)``."""
        return self._cohort.targets[self._rows]

    def present(self, modality: str) -> NDArray[np.bool_]:
        """Which of these subjects have a modality, ``(subjects,)``."""
        return self._cohort.present(modality)[self._rows]

    def values(self, modality: str) -> NDArray[Any]:
        """Values of the subjects that have the modality, ``(present subjects, *shape)``."""
        return self._cohort.values(modality, self._rows[self.present(modality)])


def _check_members(split: Split, subjects: Sequence[str]) -> None:
    training = set(split.train)
    for subject in subjects:
        if subject in training:
            continue
        for part, members in (("test", split.test), ("validation", split.validation)):
            if subject in members:
                raise LeakError(
                    f"{split.where}: subject {subject!r} belongs to the {part} part; nothing may be fitted on it"
                )
        raise DataError(f"{split.where}: subject {subject!r} is not in the split")
