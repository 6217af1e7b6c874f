"""From arrays, tensors and tables to values that a cohort holds; what they are is learned in fit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xdistill.arrays.columns import column_values, names_of, spec_of_column
from xdistill.arrays.modalities import Modalities
from xdistill.errors import UserError
from xdistill.types import ColumnSpec, ModalityKind, ModalitySpec

_KINDS: Mapping[int, ModalityKind] = {2: "vector", 4: "image", 5: "volume"}


def by_name(X: Any) -> Mapping[str, Any]:  # noqa: N803 - scikit-learn's name
    """The modalities of ``X``.

    Raises:
        UserError: if it is neither a mapping nor a `Modalities`.
    """
    values = X.values if isinstance(X, Modalities) else X
    if not isinstance(values, Mapping):
        raise UserError(
            f"`X` is {type(X).__name__}; pass a mapping from modality to array, such as {{'image': images}}, or a "
            f"`Modalities`"
        )
    return values


def learn_spec(name: str, value: Any) -> ModalitySpec:
    """What a modality is: its kind by the number of dimensions, its shape, and the columns of a table.

    Raises:
        UserError: for another number of dimensions, or values that are not numbers.
    """
    if hasattr(value, "columns"):
        columns = tuple(_column_spec(name, column, value[key]) for key, column in _keys(name, value))
        return ModalitySpec("vector", (_positive(len(columns), name),), columns)
    array = _array(name, value)
    if array.ndim not in _KINDS:
        raise UserError(
            f"modality `{name}` has {array.ndim} dimension(s); expected 2 for vectors (subjects, columns), 4 for "
            f"images (subjects, channels, height, width) or 5 for volumes (subjects, channels, depth, height, width)"
        )
    for size in array.shape[1:]:
        _positive(size, name)
    if array.ndim > 2 or array.dtype.kind in "fiu":  # noqa: PLR2004 - vectors may hold text
        return ModalitySpec(_KINDS[array.ndim], array.shape[1:])
    columns = tuple(_column_spec(name, f"column {place}", array[:, place]) for place in range(array.shape[1]))
    return ModalitySpec("vector", array.shape[1:], columns)


def read_values(name: str, spec: ModalitySpec, value: Any) -> NDArray[Any]:
    """Numbers, ``(subjects, *shape)``.

    Missing values of vectors, and categories that were not there in fit, are NaN.

    Raises:
        UserError: if the shape or the columns are not those of fit, or values are not numbers.
    """
    if hasattr(value, "columns"):
        result = _read_table(name, spec, value)
    else:
        array = _array(name, value)
        _check_shape(name, spec, array.shape)
        if spec.columns:
            result = _stacked(name, spec.columns, [array[:, place] for place in range(array.shape[1])])
        elif array.dtype.kind not in "fiub":
            raise UserError(f"modality `{name}` holds {array.dtype}; expected numbers")
        else:
            result = array
    return result


def _read_table(name: str, spec: ModalitySpec, table: Any) -> NDArray[np.float64]:
    keys = {column: key for key, column in _keys(name, table)}
    if not spec.columns:  # an array in fit
        _check_shape(name, spec, (len(table), len(keys)))
        columns: Sequence[ColumnSpec] = [ColumnSpec(column) for column in keys]
    else:
        columns = spec.columns
        wanted = {column.name for column in columns}
        absent, extra = sorted(wanted - keys.keys()), sorted(keys.keys() - wanted)
        if absent or extra:
            what = f"has no column `{absent[0]}`" if absent else f"has the unknown column `{extra[0]}`"
            raise UserError(f"modality `{name}` {what}; pass the columns of fit")
    return _stacked(name, columns, [table[keys[column.name]] for column in columns])


def _stacked(name: str, specs: Sequence[ColumnSpec], columns: Sequence[Any]) -> NDArray[np.float64]:
    return np.stack(
        [column_values(spec, column, _where(name, spec.name)) for spec, column in zip(specs, columns, strict=True)],
        axis=1,
    )


def _keys(name: str, table: Any) -> list[tuple[Any, str]]:
    keys = list(table.columns)
    return list(zip(keys, names_of(keys, f"modality `{name}`"), strict=True))


def _column_spec(modality: str, name: str, column: Any) -> ColumnSpec:
    return spec_of_column(name, column, _where(modality, name))


def _where(modality: str, column: str) -> str:
    return f"column `{column}` of modality `{modality}`"


def _check_shape(name: str, spec: ModalitySpec, shape: tuple[int, ...]) -> None:
    if shape[1:] != spec.shape:
        raise UserError(f"modality `{name}` has shape {shape[1:]} per subject, but had {spec.shape} in fit")


def _array(name: str, value: Any) -> NDArray[Any]:
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = (value.float() if value.dtype.itemsize < 4 and value.is_floating_point() else value).numpy()  # noqa: PLR2004 - bytes
    try:
        return np.asarray(value)
    except ValueError:
        raise UserError(f"modality `{name}` cannot be turned into an array; its subjects differ in shape") from None


def _positive(size: int, name: str) -> int:
    if size < 1:
        raise UserError(f"modality `{name}` is empty: no dimension may have length 0")
    return size


def listed(names: Iterable[str]) -> str:
    """Names for a message."""
    return ", ".join(f"`{name}`" for name in names)
