"""A profile: each column of a table or a cohort with its type, range, gaps and oddities."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from xdistill.errors import DataError
from xdistill.profiling.cautions import Caution
from xdistill.profiling.cohort import cohort_cautions, reported
from xdistill.profiling.measure import Measured, measure_numbers, measure_plain, measure_texts
from xdistill.profiling.plain import plain_columns
from xdistill.profiling.roles import Roles, table_cautions
from xdistill.suggest import did_you_mean
from xdistill.tables import Table, habits_of
from xdistill.types import ColumnSpec

if TYPE_CHECKING:
    from xdistill.data import Cohort


_CLASSES = 50  # that are shown
_LOOKED_AT = 200  # rows that show how a file writes numbers


@dataclass(frozen=True)
class ColumnProfile:
    """One column.

    Attributes:
        name: of the column.
        type: ``number``, ``category``, ``date``, ``grade``, ``files``, ``split``, ``text`` or ``empty``.
        missing: cells without a value.
        distinct: different values.
        range: smallest, median and largest number; empty for other types.
        words: the most frequent texts with their numbers.
        unit: of numbers.
        bars: heights of a histogram over the range, or of the words.
        notes: how the cells are read.
        oddities: what to look at.
        modality: of a cohort; empty for a table.
    """

    name: str
    type: str
    missing: int
    distinct: int
    range: tuple[float, ...] = ()
    words: tuple[tuple[str, int], ...] = ()
    unit: str = ""
    bars: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    oddities: tuple[str, ...] = ()
    modality: str = ""

    @property
    def span(self) -> str:
        """The range of numbers and dates, the most frequent of words."""
        if self.type == "date" and self.range:
            first, _, last = (date(1970, 1, 1) + timedelta(days=day) for day in self.range)
            return f"{first.isoformat()} to {last.isoformat()}"
        if self.range:
            low, middle, high = self.range
            return f"{low:g} to {high:g}, median {middle:g}"
        if self.type in {"text", "files"}:
            return f"{self.distinct} different"
        shown = ", ".join(f"{word} ({count})" for word, count in self.words)
        return f"{shown}, …" if self.distinct > len(self.words) else shown

    @property
    def remarks(self) -> tuple[str, ...]:
        """How the cells are read, and what to look at."""
        return (*self.notes, *self.oddities)

    def to_json(self) -> dict[str, Any]:
        """JSON-ready."""
        return {**vars(self), "words": dict(self.words)}


@dataclass(frozen=True)
class Profile:
    """What a table or a cohort holds.

    Attributes:
        title: of the table or cohort.
        subjects: rows.
        columns: one by one.
        cautions: what would leak the label.
        how: how the file was read.
        classes: subjects by label; empty without one.
        present: subjects by modality; empty for a table.
        unlabelled: subjects without a label.
    """

    title: str
    subjects: int
    columns: tuple[ColumnProfile, ...]
    cautions: tuple[Caution, ...] = ()
    how: tuple[str, ...] = ()
    classes: Mapping[str, int] = field(default_factory=dict)
    present: Mapping[str, int] = field(default_factory=dict)
    unlabelled: int = 0

    def to_json(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "title": self.title,
            "subjects": self.subjects,
            "how": list(self.how),
            "classes": dict(self.classes),
            "unlabelled": self.unlabelled,
            "present": dict(self.present),
            "columns": [column.to_json() for column in self.columns],
            "warnings": [caution.to_json() for caution in self.cautions],
        }


def profile_table(table: Table, roles: Roles) -> Profile:
    """The profile of a table.

    Args:
        table: as it was read.
        roles: columns of the label, of ids, and so on.

    Raises:
        DataError: for a role's column that the table does not have.
    """
    for role, name in vars(roles).items():
        if name and name not in table.header:
            raise DataError(f"there is no column {name!r} (--{role}){did_you_mean(name, table.header, 'columns')}")
    habits = habits_of(zip(*table.rows[:_LOOKED_AT], strict=True))
    plain = {} if habits.decimal == "," else plain_columns(table.rows, len(table.header))
    texts = {name: table.column(name) for place, name in enumerate(table.header) if place not in plain}
    measured = {
        name: measure_plain(plain[place]) if place in plain else measure_texts(name, texts[name], habits)
        for place, name in enumerate(table.header)
    }
    texts |= {name: table.column(name) for name in vars(roles).values() if name and name not in texts}
    columns = [_column(name, one) for name, one in measured.items()]
    classes = Counter(filter(None, texts.get(roles.label, ())))
    return Profile(
        title=table.file.name,
        subjects=len(table),
        columns=tuple(columns),
        cautions=tuple(table_cautions(texts, measured, roles)),
        how=table.how,
        classes=dict(sorted(classes.items())[:_CLASSES]),
        unlabelled=len(table) - classes.total() if roles.label else 0,
    )


def profile_cohort(cohort: Cohort) -> Profile:
    """The profile of a cohort: its vectors column by column, and what would leak the label."""
    columns: list[ColumnProfile] = []
    schema = cohort.schema
    for name, spec in schema.modalities.items():
        if spec.kind != "vector":
            continue
        rows = np.flatnonzero(cohort.present(name))
        values = cohort.values(name, rows)
        specs = spec.columns or tuple(ColumnSpec(f"column {place}") for place in range(spec.shape[0]))
        columns += [
            _column(column.name, _measured(column, values[:, place]), name, column.unit)
            for place, column in enumerate(specs)
        ]
    return Profile(
        title=cohort.facts.title,
        subjects=len(cohort),
        columns=tuple(columns),
        cautions=tuple(cohort_cautions(cohort)),
        how=tuple(note for note in cohort.facts.reading.notes if not reported([note])),
        classes=schema.task.counts(cohort.targets[cohort.labelled]),
        unlabelled=int((~cohort.labelled).sum()),
        present={name: int(cohort.present(name).sum()) for name in schema.modalities},
    )


def _measured(column: ColumnSpec, values: NDArray[np.float64]) -> Measured:
    if column.kind != "categorical":
        return measure_numbers(values)
    names: Sequence[str] = ["" if np.isnan(value) else column.categories[int(value)] for value in values]
    return measure_texts(column.name, names, habits_of([]), names=True)


def _column(name: str, measured: Measured, modality: str = "", unit: str = "") -> ColumnProfile:
    return ColumnProfile(
        name=name,
        type=measured.type,
        missing=measured.missing,
        distinct=measured.distinct,
        range=measured.range,
        words=measured.words,
        unit=unit or measured.unit,
        bars=measured.bars,
        notes=measured.notes,
        oddities=measured.oddities,
        modality=modality,
    )
