"""The values of one subject: checked against the schema and converted for storage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xdistill.data.file.checksum import checksum
from xdistill.data.file.layout import stored_dtype, values_digest
from xdistill.errors import DataError
from xdistill.recipe.schema.recipe import CacheRecipe
from xdistill.types import ModalitySpec, Schema


@dataclass(frozen=True)
class StoredValues:
    """One modality of one subject, as it is stored.

    Attributes:
        values: of the schema's shape, in the stored type.
        digest: SHA-256 of the values.
        checksum: see `xdistill.data.file.checksum`.
    """

    values: NDArray[np.generic]
    digest: bytes
    checksum: int


StoredSubject = dict[str, StoredValues | None]

NUMERIC = "fiub"
"""Kinds of NumPy types that values may have: floating point, integers, booleans."""


def stored_subject(
    loaded: Mapping[str, NDArray[np.generic] | None], subject: str, schema: Schema, cache: CacheRecipe
) -> StoredSubject:
    """Check what a data set loaded for one subject and convert it for storage; a blank vector is an absent modality.

    Raises:
        DataError: naming the subject and the modality.
    """
    differing = sorted(set(loaded) ^ set(schema.modalities))
    if differing:
        raise DataError(
            f"subject {subject!r}: modality {differing[0]!r} is not both in the data set's schema and in what it loads"
        )
    return {
        name: None
        if is_blank(loaded[name], spec)
        else _stored(loaded[name], f"subject {subject!r}, modality {name!r}", spec, stored_dtype(spec, cache))
        for name, spec in schema.modalities.items()
    }


def is_blank(value: NDArray[np.generic] | None, spec: ModalitySpec) -> bool:
    """Whether a subject lacks a modality: there is nothing, or a vector whose items are all missing."""
    if value is None:
        return True
    array = np.asarray(value)
    return (
        spec.kind == "vector" and array.shape == spec.shape and array.dtype.kind == "f" and bool(np.isnan(array).all())
    )


def _stored(value: NDArray[np.generic] | None, where: str, spec: ModalitySpec, dtype: str) -> StoredValues | None:
    if value is None:
        return None
    array = np.asarray(value)
    if array.dtype.kind not in NUMERIC:
        raise DataError(f"{where}: the values have type {array.dtype}; a data set returns numbers")
    if array.shape != spec.shape:
        raise DataError(f"{where}: the values have shape {array.shape}; the schema says {spec.shape}")
    check_values(array, where, spec)
    with np.errstate(over="ignore", under="ignore"):
        values = np.ascontiguousarray(array, dtype=dtype)
    if np.isinf(values).any():
        largest = float(np.abs(array[np.isinf(values)]).max())
        raise DataError(
            f"{where}: the value {largest:g} is too large for {values.dtype}; "
            f"set `cache.dtype` to float32, or scale the values in the data set"
        )
    return StoredValues(values, values_digest(values), checksum(values))


def check_values(array: NDArray[np.generic], where: str, spec: ModalitySpec) -> None:
    """Check the values of one subject: finite, except missing values of vectors, and categories within their range.

    Raises:
        DataError: beginning with ``where``.
    """
    _check_finite(array, where, spec)
    _check_categories(array, where, spec)


def _check_finite(array: NDArray[np.generic], where: str, spec: ModalitySpec) -> None:
    if array.dtype.kind != "f":
        return
    if spec.kind != "vector":
        if np.isfinite(array).all():
            return
        count = int((~np.isfinite(array)).sum())
        raise DataError(f"{where}: {count} values are NaN or infinite; repair this {spec.kind} or leave it out")
    if np.isinf(array).any():
        column = _column(spec, int(np.flatnonzero(np.isinf(array))[0]))
        raise DataError(f"{where}: {column} is infinite; use NaN for a missing value")
    with np.errstate(invalid="ignore"):
        huge = np.flatnonzero(np.abs(array) > np.finfo(np.float32).max)
    if len(huge):
        raise DataError(
            f"{where}: {_column(spec, int(huge[0]))} holds {float(array[huge[0]]):g}, which is too large for 32 bits; "
            f"correct it, or leave it empty if it is unknown"
        )


def _check_categories(values: NDArray[np.generic], where: str, spec: ModalitySpec) -> None:
    for position, column in enumerate(spec.columns):
        if column.kind != "categorical":
            continue
        value = float(values[position])
        if not np.isnan(value) and value not in range(len(column.categories)):
            raise DataError(
                f"{where}: {_column(spec, position)} holds {value:g}, which is not an index into its "
                f"{len(column.categories)} categories"
            )


def _column(spec: ModalitySpec, position: int) -> str:
    return f"column {spec.columns[position].name!r}" if spec.columns else f"value {position}"
