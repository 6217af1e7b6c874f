"""Labels and groups: of any type, one per subject."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xdistill.arrays.columns import is_missing
from xdistill.errors import UserError


def read_labels(y: Any, subjects: int) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """The classes, sorted, and each subject's index among them.

    Args:
        y: labels, ``(subjects,)``.
        subjects: how many rows ``X`` has.

    Raises:
        UserError: for another length, missing labels, a regression target, or a single class.
    """
    labels = checked_labels(y, subjects)
    try:
        classes, targets = np.unique(labels, return_inverse=True)
    except TypeError:
        raise UserError("`y` holds labels of several types; use one type, such as str") from None
    if len(classes) < 2:  # noqa: PLR2004 - a classification
        raise UserError(f"`y` holds the single class {classes.tolist()[0]!r}; at least two classes are needed")
    return classes, targets.astype(np.int64)


def checked_labels(y: Any, subjects: int) -> NDArray[Any]:
    """Labels as an array, ``(subjects,)``.

    Raises:
        UserError: see `read_labels`.
    """
    from sklearn.utils.multiclass import type_of_target

    labels = _one_per_subject("y", y, subjects)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # many classes are rare, and allowed
        try:
            kind = type_of_target(labels)
        except ValueError as error:
            raise UserError(f"`y` cannot be used as labels: {error}") from None
    if kind == "continuous":
        raise UserError("`y` holds continuous numbers, and `Distiller` is a classifier; pass class labels")
    if kind not in {"binary", "multiclass"}:
        raise UserError(f"`y` holds a target of type {kind!r}; pass one class label per subject")
    return labels


def read_groups(groups: Any, subjects: int) -> tuple[str, ...] | None:
    """The group of each subject, such as its patient; None if there are no groups.

    Raises:
        UserError: for another length or missing values.
    """
    if groups is None:
        return None
    return tuple(str(group) for group in _one_per_subject("groups", groups, subjects).tolist())


def _one_per_subject(name: str, values: Any, subjects: int) -> NDArray[Any]:
    if hasattr(values, "detach"):
        values = values.detach().cpu()
    array = np.asarray(values.to_numpy() if hasattr(values, "to_numpy") else values)
    if array.ndim == 2 and array.shape[1] == 1:  # noqa: PLR2004 - a column
        array = array[:, 0]
    if array.ndim != 1:
        raise UserError(f"`{name}` has {array.ndim} dimension(s); expected one value per subject")
    if len(array) != subjects:
        raise UserError(f"`{name}` has {len(array)} values, but `X` has {subjects} subjects; pass one per subject")
    if array.dtype.kind == "O" and all(isinstance(value, str) for value in array):
        return array.astype(str)
    if any(map(is_missing, array.tolist())):
        raise UserError(f"`{name}` has missing values; leave these subjects out")
    return array
