"""Labels and groups: of any type, one per subject."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xdistill.arrays.columns import is_missing
from xdistill.errors import UserError

Known = NDArray[np.bool_]


def read_labels(y: Any, subjects: int, *, some: bool = False) -> tuple[NDArray[Any], NDArray[np.int64], Known]:
    """The classes, sorted, each subject's index among them, and which subjects have a label.

    Args:
        y: labels, ``(subjects,)``.
        subjects: how many rows ``X`` has.
        some: whether subjects may have none; their index is -1.

    Raises:
        UserError: for another length, missing labels, a regression target, or a single class.
    """
    labels = _one_per_subject("y", y, subjects)
    known = ~missing_in(labels)
    if not known.all() and not some:
        raise UserError(
            f"`y` has no label for {np.count_nonzero(~known):,} of {subjects:,} subjects; leave these out, or set "
            f"`unlabelled={{'use': 'distil'}}` to train the student on them by distillation alone"
        )
    try:
        classes, places = np.unique(_checked(labels[known]), return_inverse=True)
    except TypeError:
        raise UserError("`y` holds labels of several types; use one type, such as str") from None
    if len(classes) < 2:  # noqa: PLR2004 - a classification
        held = f"the single class {classes.tolist()[0]!r}" if len(classes) else "no label"
        raise UserError(f"`y` holds {held}; at least two classes are needed")
    targets = np.full(subjects, -1, dtype=np.int64)
    targets[known] = places
    return classes, targets, known


def checked_labels(y: Any, subjects: int) -> NDArray[Any]:
    """Labels of all subjects as an array, ``(subjects,)``.

    Raises:
        UserError: see `read_labels`.
    """
    labels = _one_per_subject("y", y, subjects)
    _refuse_missing("y", labels)
    return _checked(labels)


def _checked(labels: NDArray[Any]) -> NDArray[Any]:
    from sklearn.utils.multiclass import type_of_target

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # many classes are rare, and allowed
        try:
            kind = type_of_target(labels) if len(labels) else "binary"
        except ValueError as error:
            raise UserError(f"`y` cannot be used as labels: {error}") from None
    if kind == "continuous":
        raise UserError("`y` holds continuous numbers, and `Distiller` is a classifier; pass class labels")
    if kind not in {"binary", "multiclass"}:
        raise UserError(f"`y` holds a target of type {kind!r}; pass one class label per subject")
    return labels.astype(str) if labels.dtype.kind == "O" and all(isinstance(one, str) for one in labels) else labels


def read_groups(groups: Any, subjects: int) -> tuple[str, ...] | None:
    """The group of each subject, such as its patient; None if there are no groups.

    Raises:
        UserError: for another length or missing values.
    """
    if groups is None:
        return None
    found = _one_per_subject("groups", groups, subjects)
    _refuse_missing("groups", found)
    return tuple(str(group) for group in found.tolist())


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
    return array


def missing_in(values: NDArray[Any]) -> Known:
    """Which values are None, NaN, or missing as pandas has it."""
    return np.fromiter(map(is_missing, values.tolist()), dtype=bool, count=len(values))


def _refuse_missing(name: str, values: NDArray[Any]) -> None:
    count = np.count_nonzero(missing_in(values))
    if count:
        what = f"{count:,} missing values" if count > 1 else "a missing value"
        raise UserError(f"`{name}` has {what}; leave these subjects out")
