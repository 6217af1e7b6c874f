"""Checks of a data set's index and schema before any values are read."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from xdistill.data.file.layout import LARGEST_CHUNK
from xdistill.errors import DataError
from xdistill.interfaces.dataset import SubjectRow
from xdistill.types import Schema


def check_index(rows: Sequence[SubjectRow], schema: Schema) -> None:
    """Check the subjects of a cohort.

    Raises:
        DataError: for an empty cohort, a duplicate subject, an empty id, a target that is not a class index, or a
            patient with several targets.
    """
    if not rows:
        raise DataError("the cohort is empty; it needs at least one subject")
    seen: set[str] = set()
    target_of: dict[str, SubjectRow] = {}
    for row in rows:
        _check_ids(row)
        if row.subject in seen:
            raise DataError(f"subject {row.subject!r} occurs twice; ids must be unique")
        seen.add(row.subject)
        if not 0 <= row.target < len(schema.classes):
            raise DataError(
                f"subject {row.subject!r}: target {row.target} is not an index into the classes {list(schema.classes)}"
            )
        first = target_of.setdefault(row.patient, row)
        if first.target != row.target:
            raise DataError(
                f"patient {row.patient!r}: subject {first.subject!r} is {schema.classes[first.target]!r} and subject "
                f"{row.subject!r} is {schema.classes[row.target]!r}; all subjects of a patient must have the same class"
            )


def check_schema(schema: Schema) -> None:
    """Check that a schema can be stored.

    Raises:
        DataError: for no modality, fewer than two classes, a duplicate class, or a name or shape that cannot be stored.
    """
    if not schema.modalities:
        raise DataError("the schema has no modality; it needs at least one")
    classes = schema.classes
    if len(classes) < 2:  # noqa: PLR2004  # a classification has at least two classes
        raise DataError(f"the schema has the classes {list(classes)}; at least two are needed")
    duplicates = sorted({name for name in classes if classes.count(name) > 1})
    if duplicates:
        raise DataError(f"the class {duplicates[0]!r} occurs twice")
    for name, spec in schema.modalities.items():
        if not name or name == "." or "/" in name or "\0" in name:
            raise DataError(f"invalid name {name!r} of a modality: names are not empty and contain no slash")
        if any(size < 1 for size in spec.shape):
            raise DataError(f"modality {name!r} has the shape {spec.shape}; every dimension must be at least 1")
        if prod(spec.shape) * 8 > LARGEST_CHUNK:
            raise DataError(f"modality {name!r} has the shape {spec.shape}; one subject may take at most 4 GiB")
        if spec.columns and (len(spec.columns),) != spec.shape:
            raise DataError(f"modality {name!r} has {len(spec.columns)} columns but the shape {spec.shape}")


def _check_ids(row: SubjectRow) -> None:
    for kind, value in (("subject", row.subject), ("patient", row.patient)):
        if not value or value != value.strip() or not value.isprintable():
            raise DataError(
                f"invalid {kind} id {value!r}: ids are not empty, contain no control characters, and neither start nor "
                f"end with white space"
            )
