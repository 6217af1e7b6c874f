"""Checks of a data set's index and schema before any values are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

from xdistill.data.file.layout import LARGEST_CHUNK
from xdistill.errors import DataError
from xdistill.interfaces.dataset import SubjectRow
from xdistill.types import Schema


def check_index(rows: Sequence[SubjectRow], schema: Schema, *, targets: bool = True) -> None:
    """Check the subjects of a cohort.

    Args:
        rows: the subjects.
        schema: of the cohort.
        targets: check their targets too.

    Raises:
        DataError: for an empty cohort, a duplicate subject, an invalid id, or a target that the task does not have.
    """
    if not rows:
        raise DataError("the cohort is empty; it needs at least one subject")
    seen: set[str] = set()
    for row in rows:
        _check_ids(row)
        if row.subject in seen:
            raise DataError(f"subject {row.subject!r} occurs twice; ids must be unique")
        seen.add(row.subject)
        if not targets or row.target is None:
            continue
        problem = schema.task.target_problem(row.target)
        if problem:
            raise DataError(f"subject {row.subject!r}: {problem}")


def check_schema(schema: Schema) -> None:
    """Check that a schema can be stored.

    Raises:
        DataError: for no modality, a task that cohorts cannot have, or a name or shape that cannot be stored.
    """
    if not schema.modalities:
        raise DataError("the schema has no modality; it needs at least one")
    problem = schema.task.problem()
    if problem:
        raise DataError(problem)
    for name, spec in schema.modalities.items():
        if not name or name == "." or "/" in name or "\0" in name:
            raise DataError(f"invalid name {name!r} of a modality: names are not empty and contain no slash")
        if any(size < 1 for size in spec.shape):
            raise DataError(f"modality {name!r} has the shape {spec.shape}; every dimension must be at least 1")
        if prod(spec.shape) * 8 > LARGEST_CHUNK:
            raise DataError(f"modality {name!r} has the shape {spec.shape}; one subject may take at most 4 GiB")
        if spec.columns and (len(spec.columns),) != spec.shape:
            raise DataError(f"modality {name!r} has {len(spec.columns)} columns but the shape {spec.shape}")


def check_kept(kept: Mapping[str, Sequence[str]], subjects: int) -> None:
    """Check that each column that is kept has one text per subject.

    Raises:
        DataError: if one does not.
    """
    for name, texts in kept.items():
        if len(texts) != subjects or not all(isinstance(text, str) for text in texts):
            raise DataError(f"the kept column {name!r} has {len(texts)} texts, but there are {subjects} subjects")


def _check_ids(row: SubjectRow) -> None:
    for kind, value in (("subject", row.subject), ("patient", row.patient)):
        if not value or value != value.strip() or not value.isprintable():
            raise DataError(
                f"invalid {kind} id {value!r}: ids are not empty, contain no control characters, and neither start nor "
                f"end with white space"
            )
