"""Columns of numbers: plain ones, and those with decimal commas, marks between thousands, units and limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from xdistill.tables.found import ColumnSettings, Found, counted
from xdistill.tables.habits import Habits
from xdistill.tables.marks import Quantity, as_number, evidence, has_groups, quantity
from xdistill.tables.reading import Reading
from xdistill.tables.words import MISSING_NUMBERS, folded

_NEARLY = 0.8  # a column is numbers in another notation with errors, if at least this fraction of its cells are
_FEW = 3  # different numbers that this takes


def numbers_of(name: str, counts: Counter[str], settings: ColumnSettings, habits: Habits) -> Found:
    """A column of which most cells are plain numbers, or which the settings call numeric."""
    decimal = settings.decimal or _decimal(counts, habits)
    others = [text for text in counts if as_number(text) is None]
    grouped = decimal == "," and any("." in text for text in counts if as_number(text) is not None)
    if not others and not grouped:
        return Found(Reading(name))
    found, absent, wrong = _parsed(counts, decimal or ".")
    if wrong:
        return Found(Reading(name), wrong=wrong)
    return _quantity(name, counts, decimal, found, absent)


def quantities_of(name: str, counts: Counter[str], settings: ColumnSettings, habits: Habits) -> Found | None:
    """A column of which few cells are plain numbers, and all are numbers in another notation."""
    decimal = settings.decimal or _decimal(counts, habits)
    found, absent, wrong = _parsed(counts, decimal or ".")
    exact = sum(counts[text] for text, one in found.items() if not one.limit)
    if not exact:
        return None
    if not wrong:
        return _quantity(name, counts, decimal, found, absent)
    ranges = any(text[:1].isdigit() for text in wrong)
    if ranges or exact < _NEARLY * counts.total() or len(found) < _FEW:
        return None
    rest = {text: counts[text] for text in wrong}
    return Found(
        Reading(name),
        problem=f"holds {exact} numbers ({counted({text: counts[text] for text in found})}) and {sum(rest.values())} "
        f"other texts ({counted(rest)}); correct these, add them to `missing`, or name the column in "
        f"`clinical.categorical`",
    )


def _parsed(counts: Counter[str], decimal: str) -> tuple[dict[str, Quantity], dict[str, int], tuple[str, ...]]:
    """The numbers of a column, its words that mean missing, and all else."""
    found = {text: one for text in counts if (one := quantity(text, decimal)) is not None}
    rest = {text: count for text, count in counts.items() if text not in found}
    absent = {text: count for text, count in rest.items() if folded(text) in MISSING_NUMBERS}
    return found, absent, tuple(text for text in rest if text not in absent)


def _quantity(
    name: str, counts: Counter[str], decimal: str, found: Mapping[str, Quantity], absent: Mapping[str, int]
) -> Found:
    if not decimal and any(quantity(text, ",") != one for text, one in found.items()):
        doubtful = next(text for text, one in found.items() if quantity(text, ",") != one)
        comma = quantity(doubtful, ",")
        return Found(
            Reading(name),
            problem=f"is ambiguous: {doubtful!r} is {found[doubtful].number} with a decimal point and "
            f"{comma.number if comma else 'none'} with a decimal comma; set `clinical.decimal` to '.' or ','",
        )
    units = Counter[str]()
    for text, one in found.items():
        if one.unit:
            units[one.unit] += counts[text]
    if len({unit.casefold() for unit in units}) > 1:
        return Found(Reading(name), problem=f"has several units: {counted(units)}; convert its values to one of them")
    unit = units.most_common(1)[0][0] if units else ""
    limits = Counter[str]()
    for text, one in found.items():
        if one.limit:
            limits[one.limit] += counts[text]
    notes = [
        *_notes_on_marks(found, decimal),
        *_notes_on_units(units, sum(counts[text] for text in found)),
        *(f"{limits[mark]} {side} a limit ({mark})" for mark, side in (("<", "below"), (">", "above")) if limits[mark]),
        *([f"missing: {counted(absent)}"] if absent else []),
    ]
    reading = Reading(
        name,
        "quantity",
        decimal=decimal or ".",
        unit=unit,
        limits=tuple(mark for mark in "<>" if mark in limits),
        missing=tuple(sorted(map(folded, absent))),
        notes=tuple(notes),
    )
    return Found(reading)


def _notes_on_marks(found: Iterable[str], decimal: str) -> Iterable[str]:
    if decimal == "," and any("," in text for text in found):
        yield "decimal commas"
    grouped = [text for text in found if has_groups(text, decimal or ".")]
    if grouped:
        yield f"marks between thousands, such as {grouped[0]!r}"


def _notes_on_units(units: Counter[str], total: int) -> Iterable[str]:
    if units:
        partly = f" in {units.total()} of {total} cells" if units.total() < total else ""
        yield f"unit {units.most_common(1)[0][0]!r}{partly}"


def _decimal(counts: Counter[str], habits: Habits) -> str:
    """The mark of decimals; empty if neither the column nor the file tells."""
    seen = {evidence(text) for text in counts} - {""}
    if len(seen) == 1:
        return seen.pop()
    return "." if seen else habits.decimal
