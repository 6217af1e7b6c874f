"""An external cohort: a table with labels, patients and columns to form subgroups by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xdistill.deployment.evaluate.labels import read_targets
from xdistill.errors import DataError
from xdistill.models import StudentModel
from xdistill.models.subject import NewSubject
from xdistill.models.table_file import reading_note
from xdistill.models.tables import MISSING, read_table
from xdistill.suggest import did_you_mean
from xdistill.tasks import Task
from xdistill.untrusted import normal_id

PATIENT = "patient"
LEVELS = 10  # different numbers of a column that are groups of their own; of more, three groups are formed
MOST_GROUPS = 30
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Labelled:
    """Subjects with labels.

    Attributes:
        subjects: in the order of the table.
        targets: of the task, ``(subjects, *target_shape)``; class indices ``(subjects,)`` of classification.
        patients: one name per subject.
        notes: how the table was read, as far as it was detected.
        labels: columns that the targets were read from.
        several: whether a patient has more than one subject.
    """

    subjects: tuple[NewSubject, ...]
    targets: NDArray[Any]
    patients: tuple[str, ...]
    notes: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()

    @property
    def several(self) -> bool:
        """Whether a patient has more than one subject."""
        return len(set(self.patients)) < len(self.patients)

    def at(self, rows: Sequence[int]) -> Labelled:
        """Some of the subjects."""
        return Labelled(
            tuple(self.subjects[row] for row in rows),
            self.targets[list(rows)],
            tuple(self.patients[row] for row in rows),
            self.notes,
            self.labels,
        )

    def positive(self, task: Task, place: int) -> NDArray[np.bool_]:
        """Who is of a class, or has a label, ``(subjects,)``; only for tasks that predict probabilities."""
        outcomes = task.outcomes(self.targets)
        assert outcomes is not None  # noqa: S101 - the caller knows that there are some
        of_one: NDArray[np.bool_] = outcomes[:, place]
        return of_one


def read_labelled(model: StudentModel, table: Path, labels: Sequence[str] = ()) -> Labelled:
    """The subjects of a table with their labels; patients from the column ``patient``, if there is one.

    Args:
        model: that is evaluated.
        table: the file.
        labels: columns with the labels; empty: those of the recipe's task, or ``label``.

    Raises:
        DataError: for a missing column, or subjects without a label or with one that the model's task does not have.
        UserError: if the task cannot be evaluated, or has another number of columns.
    """
    notes: list[str] = []
    subjects = tuple(read_table(model, table, notes))
    patients = tuple(
        f"p {normal_id(subject.row[PATIENT])}" if subject.row.get(PATIENT) else f"s {subject.subject}"
        for subject in subjects
    )
    targets, columns = read_targets(model, subjects, table, labels)
    how = tuple(filter(None, [reading_note(table, notes)]))
    return Labelled(subjects, model.schema.task.as_targets(targets), patients, how, columns)


def subgroups(cohort: Labelled, column: str) -> Mapping[str, NDArray[np.bool_]]:
    """Who is in which subgroup by a column, ``(subjects,)`` each.

    Numbers with more than ten different values are divided at their thirds.

    Raises:
        DataError: for a column that is not there, or that has too many different values.
    """
    if column not in cohort.subjects[0].row:
        hint = did_you_mean(column, cohort.subjects[0].row, "columns")
        raise DataError(f"the table has no column `{column}` to form subgroups by{hint}")
    texts = [subject.row[column] for subject in cohort.subjects]
    absent = np.array([text.lower() in MISSING for text in texts])
    numbers = _numbers(texts, absent)
    if numbers is not None and len(np.unique(numbers[~absent])) > LEVELS:
        groups = _thirds(numbers, absent)
    else:
        names = sorted({text for text, gone in zip(texts, absent, strict=True) if not gone}, key=_order)
        groups = {name: np.array([text == name for text in texts]) for name in names}
    if len(groups) > MOST_GROUPS:
        raise DataError(
            f"the column `{column}` has {len(groups)} different values; subgroups are formed by at most {MOST_GROUPS}"
        )
    return {**groups, UNKNOWN: absent} if absent.any() else groups


def _order(text: str) -> tuple[float, str]:
    try:
        return float(text), text
    except ValueError:
        return np.inf, text


def _numbers(texts: Sequence[str], absent: NDArray[np.bool_]) -> NDArray[np.float64] | None:
    try:
        found = np.array([np.nan if gone else float(text) for text, gone in zip(texts, absent, strict=True)])
    except ValueError:
        return None
    return found if np.isfinite(found[~absent]).all() else None


def _thirds(numbers: NDArray[np.float64], absent: NDArray[np.bool_]) -> dict[str, NDArray[np.bool_]]:
    known = numbers[~absent]
    first, second = np.quantile(known, [1 / 3, 2 / 3], method="lower")
    parts = (numbers <= first, (numbers > first) & (numbers <= second), numbers > second)
    return {f"{numbers[part].min():.4g} to {numbers[part].max():.4g}": part for part in parts if part.any()}
