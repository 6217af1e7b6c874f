"""Splits that are given: by a column of the cohort, by files of ids, by site or by date."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from xdistill.data.folds.files import rows_of_files, subjects_text
from xdistill.errors import DataError, LeakError
from xdistill.recipe.schema.crossval import Crossval, SplitWords

Rows = NDArray[np.int64]
Columns = Mapping[str, Sequence[str]]
_NAMED = 8  # values that a message lists
_FEW = 3  # subjects that a message names


@dataclass(frozen=True)
class GivenFold:
    """One fold, as row indices.

    Attributes:
        name: such as the site that is tested; for messages and reports.
        learning: rows for training, and for validation unless ``validation`` has them.
        validation: rows of the given validation part; None if none is given.
        test: rows that are tested.
    """

    name: str
    learning: Rows
    validation: Rows | None
    test: Rows

    def only(self, mask: NDArray[np.bool_]) -> GivenFold:
        """The fold with the rows of a mask ``(subjects,)`` alone."""
        validation = None if self.validation is None else self.validation[mask[self.validation]]
        return GivenFold(self.name, self.learning[mask[self.learning]], validation, self.test[mask[self.test]])


def given_folds(
    subjects: Sequence[str],
    patients: Sequence[str],
    columns: Columns,
    crossval: Crossval,
    labelled: Sequence[bool] | NDArray[np.bool_] | None = None,
) -> tuple[GivenFold, ...]:
    """The folds that the recipe gives with ``crossval.by``.

    Args:
        subjects: ids, in the order of the cohort.
        patients: one per subject.
        columns: texts of the columns that the cohort keeps, one per subject; an empty text is a missing value.
        crossval: with ``by``.
        labelled: which subjects have a label; None: all. The others may be anywhere, since nothing is scored on them.

    Returns:
        One fold for ``split``, ``date`` and ``files``; one per value for ``fold`` and ``site``, in the order of their
        numbers, or of the alphabet; of these, only values that a labelled subject has are tested.

    Raises:
        DataError: for a column that is not kept, missing or unknown values, an unreadable file, an unknown id.
        LeakError: for a patient, or an id, in two parts of a fold.
    """
    if crossval.by == "files" and crossval.files is not None:
        folds = [GivenFold("", *rows_of_files(subjects, crossval.files))]
    else:
        values = _values(columns, crossval, subjects)
        folds = list(_BY[str(crossval.by)](values, crossval))
    known = np.ones(len(subjects), dtype=bool) if labelled is None else np.asarray(labelled, dtype=bool)
    if crossval.by in {"fold", "site"} and crossval.tested is None:
        folds = [fold for fold in folds if known[fold.test].any()]
    for fold in folds:
        _check_patients(fold.only(known), patients, crossval)
    return tuple(folds)


def fold_names(columns: Columns, crossval: Crossval, labelled: Sequence[bool] | NDArray[np.bool_]) -> tuple[str, ...]:
    """What the folds are called, such as sites; empty unless the splits are by ``fold`` or ``site``."""
    if crossval.by not in {"fold", "site"}:
        return ()
    values = [value for value, known in zip(_values(columns, crossval, ()), labelled, strict=True) if known]
    return tuple(_tested(values, crossval))


def _values(columns: Columns, crossval: Crossval, subjects: Sequence[str]) -> Sequence[str]:
    """The texts of the column that says how the cohort is split; ``subjects`` are their ids, for messages."""
    name = crossval.read_column
    if name not in columns:
        raise DataError(unknown_column(name, columns))
    absent = [row for row, value in enumerate(columns[name]) if not value]
    if absent:
        shown = [repr(subjects[row]) for row in absent[:_FEW] if subjects] + ["…"] * (len(absent) > _FEW)
        raise DataError(
            f"`crossval.by: {crossval.by}`: {subjects_text(len(absent))} of {len(columns[name])} "
            f"{'has' if len(absent) == 1 else 'have'} no value in the column {name!r} ({', '.join(shown)}); fill it "
            f"in, or leave such subjects out of the cohort with `data.require: [{name}]`"
        )
    return columns[name]


def unknown_column(name: str, columns: Columns) -> str:
    """The message about a column of `crossval` that the data set does not keep."""
    kept = f"it keeps {', '.join(map(repr, columns))}" if columns else "it keeps none"
    return (
        f"the data set keeps no column {name!r} for splits ({kept}); name it in `data.keep`, or set `crossval.column`"
    )


def _by_words(values: Sequence[str], crossval: Crossval) -> list[GivenFold]:
    words = crossval.words or SplitWords()
    part_of = {word.casefold(): part for part in ("train", "validation", "test") for word in getattr(words, part)}
    unknown = Counter(value for value in values if value.casefold() not in part_of)
    if unknown:
        raise DataError(
            f"the column {crossval.read_column!r} has words that name no part of a split: {_counted(unknown)}; list "
            f"them in `crossval.words`, such as words: {{train: [...], test: [...]}}"
        )
    parts = np.array([part_of[value.casefold()] for value in values])
    rows = {part: np.flatnonzero(parts == part) for part in ("train", "validation", "test")}
    for part in ("train", "test"):
        if not len(rows[part]):
            raise DataError(
                f"the column {crossval.read_column!r} has no subject for {part} (words: "
                f"{', '.join(getattr(words, part))}); it has {_counted(Counter(values))}"
            )
    return [GivenFold("", rows["train"], rows["validation"] if len(rows["validation"]) else None, rows["test"])]


def _by_value(values: Sequence[str], crossval: Crossval) -> list[GivenFold]:
    texts = np.array(values, dtype=object)
    return [
        GivenFold(name, np.flatnonzero(texts != name), None, np.flatnonzero(texts == name))
        for name in _tested(values, crossval)
    ]


def _tested(values: Sequence[str], crossval: Crossval) -> list[str]:
    """The values that are tested in turn."""
    known = sorted(set(values), key=_order)
    if len(known) < 2:  # noqa: PLR2004 - one to train on and one to test
        raise DataError(
            f"the column {crossval.read_column!r} has the single value {known[0]!r}; `crossval.by: {crossval.by}` "
            f"needs at least two"
        )
    if crossval.tested is None:
        return known
    unknown = [value for value in crossval.tested if value not in known]
    if unknown:
        raise DataError(
            f"`crossval.tested` names {unknown[0]!r}, which the column {crossval.read_column!r} does not have; it has "
            f"{_counted(Counter(values))}"
        )
    return [value for value in known if value in crossval.tested]


def _by_date(values: Sequence[str], crossval: Crossval) -> list[GivenFold]:
    start = _date(str(crossval.since))
    dates = [_date(value) for value in values]
    bad = [value for value, date in zip(values, dates, strict=True) if date is None]
    if bad:
        raise DataError(
            f"the column {crossval.read_column!r} has {len(bad)} values that are not dates, such as {bad[0]!r}; write "
            f"year-month-day, as in 2019-01-31"
        )
    late = np.array([date is not None and start is not None and date >= start for date in dates])
    if late.all() or not late.any():
        which = "before" if late.any() else "from"
        raise DataError(
            f"no subject has a date {which} {crossval.since} (`crossval.since`); the column "
            f"{crossval.read_column!r} goes from {min(filter(None, dates)):%Y-%m-%d} to "
            f"{max(filter(None, dates)):%Y-%m-%d}"
        )
    return [GivenFold("", np.flatnonzero(~late), None, np.flatnonzero(late))]


def _date(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        return None


_BY: Mapping[str, Callable[[Sequence[str], Crossval], list[GivenFold]]] = {
    "split": _by_words,
    "fold": _by_value,
    "site": _by_value,
    "date": _by_date,
}


def _check_patients(fold: GivenFold, patients: Sequence[str], crossval: Crossval) -> None:
    """Refuse patients with subjects in two parts."""
    parts = [fold.learning, fold.test, *([] if fold.validation is None else [fold.validation])]
    members = [{patients[row] for row in rows} for rows in parts]
    shared = set().union(*(one & other for place, one in enumerate(members) for other in members[:place]))
    if shared:
        what = f"the column {crossval.read_column!r}" if crossval.read_column else "`crossval.files`"
        where = f" when {fold.name!r} is tested" if fold.name else ""
        count = "1 patient" if len(shared) == 1 else f"{len(shared)} patients"
        raise LeakError(
            f"{what} puts {count} into two parts of the split{where}, the first is {min(shared)!r}; all subjects of a "
            f"patient must be in the same part: correct it, or leave these subjects out of the cohort"
        )


def _order(text: str) -> tuple[float, str]:
    try:
        return float(text), text
    except ValueError:
        return float("inf"), text


def _counted(values: Counter[str]) -> str:
    """``'train' (80), 'test' (20)``, the most frequent first."""
    shown = [f"{value!r} ({count})" for value, count in values.most_common(_NAMED)]
    return ", ".join([*shown, *(["…"] if len(values) > _NAMED else [])])
