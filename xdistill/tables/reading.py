"""How the cells of one column are read: detected once from all of them, then the same for every subject."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from xdistill.tables.dates import days
from xdistill.tables.marks import as_number, quantity
from xdistill.tables.words import ALSO_MISSING, MISSING_NUMBERS, NO, YES, folded, ordinal

CENSORED = " censored"
"""What a column's name ends with that says which values are limits of the assay: ``no``, ``<`` or ``>``."""

Form = Literal["plain", "quantity", "ordinal", "words", "levels", "date"]


@dataclass(frozen=True)
class Reading:
    """How a column is read.

    Attributes:
        name: of the column.
        form: ``plain``: cells as they are. ``quantity``: numbers with decimal commas, units or limits. ``ordinal``:
            grades such as ``2+``. ``words``: spellings of names. ``levels``: names in a given order. ``date``: days.
        numeric: whether numbers come out, and not names.
        decimal: mark of decimals of quantities.
        unit: of all values.
        limits: ``<`` and ``>``, as far as values have them; then there is a second column.
        missing: folded texts that mean a missing value in this column, besides the settings'.
        words: name by folded spelling.
        levels: folded names, in order.
        since: column of the date that days are counted from.
        day_first: whether ``3/4/2021`` is the third of April.
        notes: what was detected, for people.
    """

    name: str
    form: Form = "plain"
    numeric: bool = True
    decimal: str = "."
    unit: str = ""
    limits: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    words: Mapping[str, str] = field(default_factory=dict)
    levels: tuple[str, ...] = ()
    since: str = ""
    day_first: bool = True
    notes: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that come out."""
        return (self.name, self.name + CENSORED) if self.limits else (self.name,)

    @property
    def is_plain(self) -> bool:
        """Whether cells are taken as they are."""
        return self.form == "plain" and not self.missing

    def plain(self, text: str, reference: str = "") -> str | None:
        """A cell written plainly: a number with a point, or a name; empty if it is missing, None if it has no meaning.

        Args:
            text: of the cell.
            reference: of the cell in the column ``since``.
        """
        if not text or self._means_missing(text):
            return ""
        if self.form == "quantity":
            found = quantity(text, self.decimal)
            return None if found is None else found.number
        if self.form == "ordinal":
            grade = ordinal(text)
            return None if grade is None else f"{grade:g}"
        if self.form == "levels":
            return str(self.levels.index(folded(text))) if folded(text) in self.levels else None
        if self.form == "date":
            return self._since(text, reference)
        return self._name(text) if self.form == "words" else text

    def limit(self, text: str) -> str:
        """Whether a cell holds a limit of the assay: ``no``, ``<`` or ``>``; empty if it is missing."""
        found = quantity(text, self.decimal)
        if found is None and as_number(text) is not None:
            return "no"  # a plain number, in another notation than the column's
        return ((found.limit if found is not None else "") or "no") if self.plain(text) else ""

    def to_json(self) -> dict[str, Any]:
        """JSON-ready, without what has its default; `from_json` reads it back."""
        empty = Reading(self.name)
        kept = {name: value for name, value in vars(self).items() if value != getattr(empty, name) or name == "name"}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in kept.items()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The reading that `to_json` wrote."""
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in data.items()
        }
        return cls(**values)

    def _name(self, text: str) -> str:
        word = folded(text)
        if word not in self.words and set(self.words.values()) <= {"yes", "no"}:
            return "yes" if word in YES else "no" if word in NO else text
        return self.words.get(word, text)

    def _means_missing(self, text: str) -> bool:
        if self.is_plain:
            return False
        word = folded(text)
        if word in self.missing:
            return True
        if self.form == "plain" or word in self.words or word in self.levels:
            return False
        return word in ALSO_MISSING or (self.numeric and word in MISSING_NUMBERS)

    def _since(self, text: str, reference: str) -> str | None:
        day = days(text, day_first=self.day_first)
        if day is None:
            return None
        origin = days(reference, day_first=self.day_first)
        return "" if origin is None else f"{day - origin:g}"


def plain_row(row: Mapping[str, str], readings: Sequence[Reading]) -> dict[str, str]:
    """A row of a new table with the columns of some readings written plainly, and the columns that these add.

    A cell without a meaning stays as it is, for its reader to refuse.
    """
    changed = dict(row)
    for reading in readings:
        if reading.name not in row or reading.is_plain:
            continue
        text = row[reading.name]
        written = reading.plain(text, row.get(reading.since, ""))
        changed[reading.name] = text if written is None else written
        if reading.limits:
            limit, given = reading.limit(text), row.get(reading.name + CENSORED, "")
            changed[reading.name + CENSORED] = given if given and limit == "no" else limit
    return changed
