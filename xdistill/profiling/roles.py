"""Warnings about a table before anything is built of it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xdistill.profiling.association import BY_CHANCE, MATCHED, SEPARATED, chance, matching, separation
from xdistill.profiling.cautions import Caution
from xdistill.profiling.columns import column_cautions
from xdistill.profiling.measure import Measured
from xdistill.tables import as_number
from xdistill.tables.words import folded
from xdistill.types import ColumnSpec

_DIGITS = "0123456789"
_MOST_CLASSES = 50


@dataclass(frozen=True)
class Roles:
    """Columns of a table with a meaning; empty: there is none.

    Attributes:
        label: the class.
        subject: the ids.
        patient: the patients.
        split: the parts of a given split.
    """

    label: str = ""
    subject: str = ""
    patient: str = ""
    split: str = ""


def table_cautions(texts: Mapping[str, Sequence[str]], measured: Mapping[str, Measured], roles: Roles) -> list[Caution]:
    """Warnings about a table.

    Args:
        texts: the cells by column.
        measured: the columns.
        roles: what they mean.
    """
    found: list[Caution] = []
    if roles.label and measured[roles.label].distinct <= _MOST_CLASSES:
        found += label_cautions(texts, measured, roles)
    files = [name for name, one in measured.items() if one.type == "files"]
    if files:
        found += _twice([text for name in files for text in texts[name] if text], files)
    split = roles.split or next((name for name, one in measured.items() if one.type == "split"), "")
    if split and roles.patient:
        found += _both_sides(texts[split], texts[roles.patient], split)
    return found


def label_cautions(
    texts: Mapping[str, Sequence[str]], measured: Mapping[str, Measured], roles: Roles
) -> Iterator[Caution]:
    """Warnings about columns that predict the label; arguments as those of `table_cautions`."""
    cells = texts[roles.label]
    names = tuple(sorted({text for text in cells if text}))
    index = {name: place for place, name in enumerate(names)}
    classes = np.array([index.get(text, -1) for text in cells], dtype=np.int64)
    taken = {roles.label, roles.subject, roles.patient, roles.split}
    columns = [name for name in measured if name not in taken and measured[name].type not in {"empty", "files"}]
    specs = [
        ColumnSpec(name, "categorical" if measured[name].names else "numeric", categories=measured[name].names)
        for name in columns
        if measured[name].type in {"number", "grade", "category"}
    ]
    if specs:
        matrix = np.stack([measured[spec.name].values for spec in specs], axis=1)
        yield from column_cautions(matrix, specs, classes, names)
    for name in columns:
        if measured[name].type == "date":
            yield from _dated(texts[name], classes, name, len(columns))
    if roles.subject:
        yield from _by_id(texts[roles.subject], classes, roles.subject)


def _dated(cells: Sequence[str], classes: NDArray[np.int64], name: str, columns: int) -> Iterator[Caution]:
    from xdistill.tables.dates import days

    day = [days(text, day_first=True) for text in cells]
    values = np.array([np.nan if one is None else one for one in day], dtype=np.float64)
    values, classes = values[classes >= 0], classes[classes >= 0]
    if chance(values, classes, columns) < BY_CHANCE and separation(values, classes) >= SEPARATED:
        yield Caution(
            "date_predicts_label",
            f"{name!r} alone tells the classes apart; they were recruited one after the other, so test by date",
            name,
        )


def _by_id(cells: Sequence[str], classes: NDArray[np.int64], name: str) -> Iterator[Caution]:
    """Ids that count up from class to class, or have the class in their first letters."""
    known = classes >= 0
    cells, classes = [text for text, one in zip(cells, known, strict=True) if one], classes[known]
    stems = [text.rstrip(_DIGITS) for text in cells]
    index = {stem: float(place) for place, stem in enumerate(dict.fromkeys(stems))}
    stem = np.array([index[one] for one in stems])
    numbers = [as_number(text[len(one) :]) for text, one in zip(cells, stems, strict=True)]
    number = np.array([np.nan if one is None else one for one in numbers])
    if chance(stem, classes, 1) >= BY_CHANCE:
        return
    if len(index) > 1 and matching(stem, classes) >= MATCHED:
        yield Caution("id_predicts_label", f"the beginnings of {name!r} tell the classes apart", name)
    elif not np.isnan(number).any() and separation(number, classes) >= SEPARATED:
        yield Caution(
            "id_predicts_label",
            f"the numbers in {name!r} tell the classes apart; keep ids, dates and the order of rows out of the inputs",
            name,
        )


def _twice(cells: Sequence[str], columns: Sequence[str]) -> Iterator[Caution]:
    again = [count for count in Counter(cells).values() if count > 1]
    if again:
        where = ", ".join(map(repr, columns))
        yield Caution("file_used_twice", f"{len(again)} files are named more than once in {where}", columns[0])


def _both_sides(parts: Sequence[str], patients: Sequence[str], split: str) -> Iterator[Caution]:
    sides: defaultdict[str, set[str]] = defaultdict(set)
    for part, patient in zip(parts, patients, strict=True):
        if part and patient:
            sides[patient].add(folded(part))
    both = sum(len(side) > 1 for side in sides.values())
    if both:
        yield Caution("patient_on_both_sides", f"{both} patients are in several parts of {split!r}", split)
