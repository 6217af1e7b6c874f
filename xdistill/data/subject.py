"""The values of one subject: checked against the schema and made ready to be stored."""

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
    """One modality of one subject, as it goes into the file.

    Attributes:
        values: of the schema's shape, in the stored type.
        digest: SHA-256 of the values.
        checksum: see `xdistill.data.file.checksum`.
    """

    values: NDArray[np.generic]
    digest: bytes
    checksum: int


StoredSubject = dict[str, StoredValues | None]


def stored_subject(
    loaded: Mapping[str, NDArray[np.generic] | None], subject: str, schema: Schema, cache: CacheRecipe
) -> StoredSubject:
    """Check what a data set loaded for one subject and make it ready to be stored.

    Raises:
        DataError: naming the subject and the modality.
    """
    strangers = sorted(set(loaded) ^ set(schema.modalities))
    if strangers:
        raise DataError(
            f"subject {subject!r}: the data set's schema and what it loads differ in modality {strangers[0]!r}"
        )
    return {
        name: _stored(loaded[name], f"subject {subject!r}, modality {name!r}", spec, stored_dtype(spec, cache))
        for name, spec in schema.modalities.items()
    }


def _stored(value: NDArray[np.generic] | None, where: str, spec: ModalitySpec, dtype: str) -> StoredValues | None:
    if value is None:
        return None
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise DataError(f"{where}: values are {array.dtype}, and numbers are wanted")
    if array.shape != spec.shape:
        raise DataError(f"{where}: shape {array.shape}, and the cohort's is {spec.shape}")
    _check_finite(array, where, spec)
    with np.errstate(over="ignore", under="ignore"):
        values = np.ascontiguousarray(array, dtype=dtype)
    if np.isinf(values).any():
        largest = float(np.abs(array[np.isinf(values)]).max())
        raise DataError(
            f"{where}: the value {largest:g} is too large for {values.dtype}; "
            f"set cache.dtype to float32, or scale the values when they are imported"
        )
    _check_categories(values, where, spec)
    return StoredValues(values, values_digest(values), checksum(values))


def _check_finite(array: NDArray[np.generic], where: str, spec: ModalitySpec) -> None:
    if array.dtype.kind != "f" or np.isfinite(array).all():
        return
    if spec.kind != "vector":
        count = int((~np.isfinite(array)).sum())
        raise DataError(f"{where}: {count} values are NaN or infinite; repair or leave out this {spec.kind}")
    if np.isinf(array).any():
        raise DataError(
            f"{where}: {_column(spec, int(np.flatnonzero(np.isinf(array))[0]))} is infinite; leave missing values empty"
        )


def _check_categories(values: NDArray[np.generic], where: str, spec: ModalitySpec) -> None:
    for position, column in enumerate(spec.columns):
        if column.kind != "categorical":
            continue
        value = float(values[position])
        if not np.isnan(value) and value not in range(len(column.categories)):
            raise DataError(
                f"{where}: {_column(spec, position)} holds {value:g}, which is no index into its "
                f"{len(column.categories)} categories"
            )


def _column(spec: ModalitySpec, position: int) -> str:
    return f"column {spec.columns[position].name!r}" if spec.columns else f"value {position}"
