"""What may be learned from: the training subjects of a split, and nobody else."""

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
    """The training subjects of a split: everything that is fitted is fitted on one of these.

    There is no way from here to a validation or test subject: asking for one raises `LeakError`.

    Args:
        cohort: the cohort.
        split: of which the training subjects are shown.
        subjects: show only these; default: all training subjects.

    Raises:
        LeakError: when a training subject's patient is also in the validation or test part, and for a subject of
            those parts.
        DataError: for a subject that the cohort does not have.
    """

    def __init__(self, cohort: CohortLike, split: Split, subjects: Sequence[str] | None = None) -> None:
        patient_of = dict(zip(cohort.subjects, cohort.patients, strict=True))
        unseen = (*split.validation, *split.test)
        cohort.rows_of((*split.train, *unseen))
        shared = {patient_of[subject] for subject in split.train} & {patient_of[subject] for subject in unseen}
        if shared:
            raise LeakError(
                f"repeat {split.repeat}, fold {split.fold}: patient {min(shared)!r} is trained on and tested"
            )
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
        """The split that these subjects are the training part of."""
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
        """Values of those of these subjects that have the modality, ``(present subjects, *shape)``."""
        return self._cohort.values(modality, self._rows[self.present(modality)])

    def select(self, subjects: Sequence[str]) -> TrainingView:
        """A view of some of these subjects.

        Raises:
            LeakError: for a subject of the validation or test part.
            DataError: for a subject that the cohort does not have.
        """
        return TrainingView(self._cohort, self._split, subjects)


def _check_members(split: Split, subjects: Sequence[str]) -> None:
    training = set(split.train)
    for subject in subjects:
        if subject in training:
            continue
        for part, members in (("test", split.test), ("validation", split.validation)):
            if subject in members:
                raise LeakError(
                    f"repeat {split.repeat}, fold {split.fold}: subject {subject!r} belongs to the {part} part, and "
                    f"nothing may be learned from it"
                )
        raise DataError(f"repeat {split.repeat}, fold {split.fold}: subject {subject!r} is in no part of the split")
