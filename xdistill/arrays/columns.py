"""Columns of a table: which are numbers, which are categories, and both as float64."""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xdistill.errors import UserError
from xdistill.types import ColumnSpec


def spec_of_column(name: str, column: Any, where: str) -> ColumnSpec:
    """Whether a column holds numbers or categories, and which categories.

    Text, booleans and pandas' categorical columns become categories.

    Args:
        name: of the column.
        column: a Series or an array, ``(subjects,)``.
        where: for messages.

    Raises:
        UserError: for a column of dates or other objects.
    """
    declared = getattr(getattr(column, "dtype", None), "categories", None)
    if declared is not None:
        return ColumnSpec(name, "categorical", categories=tuple(dict.fromkeys(_text(value) for value in declared)))
    values = _plain(column)
    if values.dtype.kind in "fiu":
        return ColumnSpec(name)
    if values.dtype.kind not in "bOU":
        raise UserError(f"{where} holds {values.dtype}; convert it to numbers or text")
    known = _known(values)
    if values.dtype.kind == "O" and all(isinstance(value, Real) and not _is_bool(value) for value in known):
        return ColumnSpec(name)
    unusable = [value for value in known if not isinstance(value, (str, Real)) and not _is_bool(value)]
    if unusable:
        raise UserError(f"{where} holds {type(unusable[0]).__name__}; convert it to numbers or text")
    return ColumnSpec(name, "categorical", categories=tuple(sorted({_text(value) for value in known})))


def column_values(spec: ColumnSpec, column: Any, where: str) -> NDArray[np.float64]:
    """Values as float64, ``(subjects,)``: categories as indices; missing values and unknown categories are NaN.

    Raises:
        UserError: for text in a column of numbers.
    """
    values = _plain(column)
    if spec.kind == "categorical":
        index = {name: float(place) for place, name in enumerate(spec.categories)}
        found = (np.nan if is_missing(value) else index.get(_text(value), np.nan) for value in values.tolist())
        return np.fromiter(found, dtype=np.float64, count=len(values))
    if values.dtype.kind in "fiub":
        return values.astype(np.float64)
    try:
        found = (np.nan if is_missing(value) else float(value) for value in values.tolist())
        return np.fromiter(found, dtype=np.float64, count=len(values))
    except (TypeError, ValueError):
        raise UserError(f"{where} held numbers in fit, and now holds {values.dtype}; convert it to numbers") from None


def _plain(column: Any) -> NDArray[Any]:
    return np.asarray(column.to_numpy() if hasattr(column, "to_numpy") else column)


def _known(values: NDArray[Any]) -> list[Any]:
    return [value for value in values.tolist() if not is_missing(value)]


def is_missing(value: Any) -> bool:
    """None, NaN and pandas' missing values, which are recognised by type name, so that pandas need not be installed."""
    if value is None or type(value).__name__ in {"NAType", "NaTType"}:
        return True
    return isinstance(value, Real) and math.isnan(value)


def _is_bool(value: Any) -> bool:
    return isinstance(value, (bool, np.bool_))


def _text(value: Any) -> str:
    """A category's name; 1.0 is the same as 1, since a missing value turns integers into floats."""
    whole = isinstance(value, Real) and not _is_bool(value) and float(value).is_integer()
    return str(int(value) if whole else value)


def names_of(columns: Iterable[Any], where: str) -> tuple[str, ...]:
    """Names of a table's columns.

    Raises:
        UserError: for a name that is there twice.
    """
    names = [str(name) for name in columns]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise UserError(f"{where} has several columns named `{repeated[0]}`; rename them")
    return tuple(names)
