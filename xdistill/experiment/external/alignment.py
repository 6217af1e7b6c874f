"""Whether an external test cohort has what the student reads, and how its columns and classes are mapped by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xdistill.errors import DataError
from xdistill.tasks import Classification, Task
from xdistill.types import ColumnSpec, ModalitySpec, Schema


def misfits(training: Schema, test: Schema, inputs: Sequence[str]) -> Iterator[str]:
    """What an external cohort lacks or has otherwise than the training cohort, one message each.

    Args:
        training: of the training cohort.
        test: of the external cohort.
        inputs: modalities that the student reads; all others need not exist.
    """
    if not _same_task(training.task, test.task):
        yield f"it is for {test.task.describe()}, but the training cohort for {training.task.describe()}"
    for name in inputs:
        ours, theirs = training.modalities[name], test.modalities.get(name)
        if theirs is None:
            known = ", ".join(f"`{other}`" for other in test.modalities)
            yield f"it has no modality `{name}`, which the student reads; it has {known}"
        elif ours.kind != theirs.kind:
            yield f"its modality `{name}` is a {theirs.kind}, but that of the training cohort a {ours.kind}"
        elif ours.columns:
            yield from _misfits_of_columns(name, ours, theirs)
        elif ours.shape != theirs.shape or ours.unit != theirs.unit:
            yield (
                f"its modality `{name}` has the shape {list(theirs.shape)}{_unit(theirs)}, but that of the training "
                f"cohort {list(ours.shape)}{_unit(ours)}; preprocess both alike"
            )


def _unit(spec: ModalitySpec) -> str:
    return f" (unit {spec.unit})" if spec.unit else ""


def _misfits_of_columns(name: str, ours: ModalitySpec, theirs: ModalitySpec) -> Iterator[str]:
    there = {column.name: column for column in theirs.columns}
    missing = [column.name for column in ours.columns if column.name not in there]
    if missing:
        yield f"its modality `{name}` lacks {_columns(missing)} of the training cohort"
    for column in ours.columns:
        other = there.get(column.name, column)
        if (other.kind, other.unit) != (column.kind, column.unit):
            yield (
                f"column {column.name!r} of its modality `{name}` is {other.kind}{_in(other)}, but in the training "
                f"cohort {column.kind}{_in(column)}"
            )


def _in(column: ColumnSpec) -> str:
    return f" in {column.unit}" if column.unit else ""


def _columns(names: Sequence[str]) -> str:
    return f"the column {names[0]!r}" if len(names) == 1 else f"{len(names)} columns ({names[0]!r}, …)"


def _same_task(ours: Task, theirs: Task) -> bool:
    if isinstance(ours, Classification) and isinstance(theirs, Classification):
        return set(theirs.classes) <= set(ours.classes)
    return ours == theirs


def mapped_targets(targets: NDArray[Any], test: Task, training: Task) -> NDArray[Any]:
    """Targets of an external cohort as the training cohort counts them: classes are found by name."""
    if isinstance(test, Classification) and isinstance(training, Classification):
        index = np.array([training.classes.index(name) for name in test.classes], dtype=np.int64)
        found: NDArray[np.int64] = index[targets]
        return found
    return targets


@dataclass(frozen=True)
class ColumnMap:
    """Brings the columns of a vector modality into the training cohort's order, and codes categories as it does.

    Attributes:
        places: of each training column among the external ones.
        codes: by training column, the training cohort's index of each external category; NaN for an unknown one.
    """

    places: tuple[int, ...]
    codes: Mapping[int, NDArray[np.float64]]

    @classmethod
    def of(cls, training: ModalitySpec, test: ModalitySpec) -> ColumnMap:
        """The map between two modalities that `misfits` accepts."""
        place = {column.name: index for index, column in enumerate(test.columns)}
        codes = {
            index: _codes(column.categories, test.columns[place[column.name]].categories)
            for index, column in enumerate(training.columns)
            if column.kind == "categorical"
        }
        return cls(tuple(place[column.name] for column in training.columns), codes)

    def apply(self, values: NDArray[Any]) -> NDArray[Any]:
        """``(subjects, external columns)`` to ``(subjects, training columns)``; NaN stays missing."""
        result = values[:, self.places].astype(np.float64)
        for column, codes in self.codes.items():
            known = ~np.isnan(result[:, column])
            result[known, column] = codes[result[known, column].astype(np.int64)]
        return result


def _codes(ours: Sequence[str], theirs: Sequence[str]) -> NDArray[np.float64]:
    return np.array([ours.index(name) if name in ours else np.nan for name in theirs], dtype=np.float64)


def check_fits(training: Schema, test: Schema, inputs: Sequence[str]) -> None:
    """Refuse an external cohort that the student cannot read.

    Raises:
        DataError: with everything that does not fit.
    """
    found = list(misfits(training, test, inputs))
    if found:
        raise DataError(f"the test cohort (`test`) does not fit: {'; '.join(found)}")
