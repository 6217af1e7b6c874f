"""A cohort in memory, for callers who have arrays and no cohort file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xdistill.data.file.layout import fingerprint, loaded_dtype, stored_dtype, subject_digest, values_digest
from xdistill.data.index import check_index, check_schema
from xdistill.data.subject import NUMERIC, check_values
from xdistill.errors import DataError
from xdistill.interfaces.dataset import SubjectRow
from xdistill.recipe.schema.recipe import CacheRecipe
from xdistill.suggest import did_you_mean
from xdistill.tasks import Task
from xdistill.types import ModalitySpec, Schema


class ArrayCohort:
    """Subjects whose values are in memory; a `CohortLike`.

    Args:
        schema: modalities and task.
        arrays: by modality, numbers of shape ``(subjects, *shape)``. NaN is allowed in vectors only, where it means a
            missing value.
        targets: of the task, such as class indices, ``(subjects,)``. None if they are unknown: all are -1 then.
        subjects: ids; default: ``"0"``, ``"1"``, and so on.
        patients: ids, one per subject; default: every subject is a patient of its own.
        labelled: which subjects have a label, ``(subjects,)`` bool; the targets of the others are ignored. None: all.
        present: by modality, which subjects have it, ``(subjects,)`` bool. By default all have every modality. Values
            of subjects without the modality are ignored.

    Raises:
        DataError: for arrays of different lengths, a modality that is unknown or missing, a wrong shape, values that
            are not finite numbers, targets that the task does not have, no subjects, or duplicate or invalid ids.

    >>> schema = Schema({"blood": ModalitySpec("vector", (2,))}, ("benign", "malignant"))
    >>> cohort = ArrayCohort(schema, {"blood": [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]}, [0, 1, 0])
    >>> cohort.values("blood", [2, 0])
    array([[5., 6.],
           [1., 2.]])
    """

    def __init__(
        self,
        schema: Schema,
        arrays: Mapping[str, ArrayLike],
        targets: ArrayLike | None,
        *,
        subjects: Sequence[str] | None = None,
        patients: Sequence[str] | None = None,
        labelled: ArrayLike | None = None,
        present: Mapping[str, ArrayLike] | None = None,
    ) -> None:
        check_schema(schema)
        _check_names("arrays", arrays, schema)
        _check_names("present", present or {}, schema, complete=False)
        self.schema = schema
        self._arrays = {name: _numbers(arrays[name], name, spec) for name, spec in schema.modalities.items()}
        first, *others = self._arrays
        count = len(self._arrays[first])
        self._targets = _unknown(count, schema.task) if targets is None else _checked(targets, schema.task)
        self.subjects = tuple(map(str, range(count))) if subjects is None else tuple(map(str, subjects))
        self.patients = self.subjects if patients is None else tuple(map(str, patients))
        self._present = {name: np.ones(count, dtype=bool) for name in self._arrays}
        self._present |= {
            name: _mask(mask, f"`present` of modality {name!r}") for name, mask in (present or {}).items()
        }
        self._labelled = np.ones(count, dtype=bool) if labelled is None else _mask(labelled, "`labelled`")
        lengths = {
            **{f"modality {name!r}": len(self._arrays[name]) for name in others},
            "`targets`": len(self._targets),
            "`subjects`": len(self.subjects),
            "`patients`": len(self.patients),
            "`labelled`": len(self._labelled),
            **{f"`present` of modality {name!r}": len(mask) for name, mask in self._present.items()},
        }
        for what, length in lengths.items():
            if length != count:
                raise DataError(f"{what} has {length} entries, but modality {first!r} has {count} subjects")
        check_index(self._rows(), schema, targets=targets is not None)
        self._row_of = {subject: row for row, subject in enumerate(self.subjects)}
        self._check_content()

    def __len__(self) -> int:
        return len(self.subjects)

    def __repr__(self) -> str:
        return f"ArrayCohort(subjects={len(self)}, modalities={list(self._arrays)})"

    @property
    def targets(self) -> NDArray[Any]:
        """Targets of the task, ``(subjects, ...)``; a copy."""
        return self._targets.copy()

    @property
    def labelled(self) -> NDArray[np.bool_]:
        """Which subjects have a label, ``(subjects,)``; a copy."""
        return self._labelled.copy()

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hexadecimal) of the whole content; that of a cohort file with the same content in float32."""
        digests = [
            subject_digest(row, {name: self._digest(name, index) for name in self._arrays})
            for index, row in enumerate(self._rows())
        ]
        return fingerprint(self.schema.to_json(), digests)

    def rows_of(self, subjects: Iterable[str]) -> NDArray[np.int64]:
        """Row indices of these subjects, in their order.

        Raises:
            DataError: for an unknown subject.
        """
        try:
            return np.array([self._row_of[subject] for subject in subjects], dtype=np.int64)
        except KeyError as error:
            raise DataError(f"the cohort has no subject {error.args[0]!r}") from None

    def present(self, modality: str) -> NDArray[np.bool_]:
        """Which subjects have a modality, ``(subjects,)``; a copy.

        Raises:
            DataError: for an unknown modality.
        """
        return self._present[self._known(modality)].copy()

    def values(self, modality: str, rows: Sequence[int] | NDArray[np.integer]) -> NDArray[Any]:
        """A copy of the values of some subjects, ``(rows, *shape)``: vectors as float64, everything else as float32.

        Subjects without the modality hold zeros.

        Raises:
            DataError: for an unknown modality.
            IndexError: for a row that the cohort does not have.
        """
        array = self._arrays[self._known(modality)]
        wanted = np.asarray(rows, dtype=np.int64).reshape(-1)
        if wanted.size and (wanted.min() < 0 or wanted.max() >= len(self)):
            msg = f"rows go from 0 to {len(self) - 1}"
            raise IndexError(msg)
        values = array[wanted].astype(loaded_dtype(self.schema.modalities[modality]), copy=False)
        values[~self._present[modality][wanted]] = 0
        return values

    def _known(self, modality: str) -> str:
        if modality not in self._arrays:
            raise DataError(f"unknown modality {modality!r}{did_you_mean(modality, self._arrays)}")
        return modality

    def _rows(self) -> list[SubjectRow]:
        targets = [
            target if known else None for target, known in zip(self._targets.tolist(), self._labelled, strict=True)
        ]
        return [SubjectRow(*row) for row in zip(self.subjects, self.patients, targets, strict=True)]

    def _check_content(self) -> None:
        for name, spec in self.schema.modalities.items():
            for row in np.flatnonzero(self._present[name]).tolist():
                check_values(self._arrays[name][row], f"subject {self.subjects[row]!r}, modality {name!r}", spec)

    def _digest(self, modality: str, row: int) -> bytes | None:
        if not self._present[modality][row]:
            return None
        stored = stored_dtype(self.schema.modalities[modality], CacheRecipe())
        return values_digest(np.ascontiguousarray(self._arrays[modality][row], dtype=stored))


def _check_names(argument: str, given: Iterable[str], schema: Schema, *, complete: bool = True) -> None:
    names = set(given)
    unknown = sorted(names.difference(schema.modalities))
    if unknown:
        raise DataError(f"`{argument}`: unknown modality {unknown[0]!r}{did_you_mean(unknown[0], schema.modalities)}")
    missing = [name for name in schema.modalities if name not in names]
    if missing and complete:
        raise DataError(
            f"`{argument}`: modality {missing[0]!r} of the schema is missing; pass its values, or leave it out of the "
            f"schema"
        )


def _numbers(values: ArrayLike, name: str, spec: ModalitySpec) -> NDArray[Any]:
    try:
        array = np.asarray(values)
    except ValueError as error:  # rows of different lengths
        raise DataError(f"modality {name!r} is not an array: {error}") from error
    if array.dtype.kind not in NUMERIC:
        raise DataError(f"modality {name!r} has values of type {array.dtype}; pass numbers")
    if array.ndim == 0 or array.shape[1:] != spec.shape:
        raise DataError(
            f"modality {name!r} has the shape {array.shape}; the schema needs (subjects, "
            f"{', '.join(map(str, spec.shape))})"
        )
    return array


def _mask(given: ArrayLike, what: str) -> NDArray[np.bool_]:
    mask = np.array(given)
    if mask.ndim != 1 or mask.dtype != np.bool_:
        raise DataError(f"{what} has the shape {mask.shape} and the type {mask.dtype}; pass one boolean per subject")
    return mask


def _unknown(count: int, task: Task) -> NDArray[Any]:
    return np.full((count, *task.target_shape), -1, dtype=task.target_dtype)


def _checked(targets: ArrayLike, task: Task) -> NDArray[Any]:
    array, dtype = np.asarray(targets), np.dtype(task.target_dtype)
    if array.ndim == 0 or array.shape[1:] != task.target_shape:
        raise DataError(f"`targets` has the shape {array.shape}; pass one target per subject for {task.describe()}")
    if array.size and not (array.dtype.kind in NUMERIC and np.can_cast(array.dtype, dtype, "same_kind")):
        raise DataError(f"`targets` has values of type {array.dtype}; {task.describe()} needs {dtype}")
    return array.astype(dtype)
