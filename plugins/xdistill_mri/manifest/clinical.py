"""Clinical columns: from texts to numbers, indices of categories, and NaN for what is missing."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

from xdistill.tables import (
    CENSORED,
    ColumnSettings,
    Found,
    Habits,
    Reading,
    as_number,
    find_reading,
    hint_of,
    sorted_names,
)
from xdistill.types import ColumnSpec
from xdistill_mri.manifest.config import ClinicalSettings
from xdistill_mri.manifest.problems import Problems
from xdistill_mri.manifest.table import Table

# A column is taken for numbers with errors, not for names, if more than this fraction of its values are numbers.
_MOSTLY = 0.5
_ALONE = 3  # cells with the same trouble that are reported one by one
_SEVERAL = {"a number": "numbers", "a date": "dates", "one of its levels": "among its levels"}
_LARGEST = 3.4028234663852886e38  # of 32 bits


@dataclass(frozen=True)
class ClinicalColumn:
    """One column with its values, one per row; NaN is missing.

    Attributes:
        spec: name and kind.
        values: one per row.
        reading: how its cells were read.
    """

    spec: ColumnSpec
    values: tuple[float, ...]
    reading: Reading


@dataclass(frozen=True)
class Look:
    """How the columns of one modality are looked at.

    Attributes:
        settings: of the modality.
        setting: its name in the recipe, for messages.
        habits: of the file; None: cells are read as they are.
        kept: texts that do not mean a missing value.
    """

    settings: ClinicalSettings
    setting: str
    habits: Habits | None
    kept: frozenset[str]

    def of(self, name: str) -> ColumnSettings:
        """What the recipe says about a column."""
        settings = self.settings
        kind = "numeric" if name in settings.numeric else "categorical" if name in settings.categorical else ""
        return ColumnSettings(
            kind=kind,
            levels=settings.ordinal.get(name, ()),
            decimal=settings.decimal,
            day_first=settings.day_first,
            since=settings.since or "",
            kept=self.kept,
        )

    def reading(self, table: Table, name: str) -> Found:
        """How a column is read."""
        if self.habits is None:
            return Found(Reading(name))
        return find_reading(name, table.column(name), self.of(name), self.habits)


def read_column(table: Table, found: Found, look: Look, problems: Problems) -> list[ClinicalColumn]:
    """Read the values of a clinical column: numbers if they can be read as such, else categories.

    A column with limits of an assay, such as ``<0.5``, has a second one, which says which values these are.
    """
    name, reading = found.reading.name, found.reading
    texts = table.column(name)
    unit = look.settings.units.get(name, reading.unit)
    if not any(texts):
        problems.add(f"the column {name!r} is empty in all rows; leave it out with `{look.setting}.exclude`")
        return [ClinicalColumn(ColumnSpec(name, unit=unit), (), reading)]
    if found.problem:
        problems.add(f"the column {name!r} {found.problem.replace('clinical.', f'{look.setting}.')}")
        return []
    if found.wrong:
        _add_wrong(table, name, found.wrong, look, problems)
        return []
    references = table.column(reading.since) if reading.since else [""] * len(texts)
    written = [reading.plain(text, reference) or "" for text, reference in zip(texts, references, strict=True)]
    if reading.form not in {"plain", "words"} or _is_numeric(name, written, look):
        spec, values = ColumnSpec(name, unit=unit), _numbers(table, name, written, look, problems)
    else:
        spec, values = _categories(name, written, unit, look, problems)
    columns = [ClinicalColumn(spec, values, reading)]
    if reading.limits:
        columns.append(_limits(reading, texts))
    return columns


def _limits(reading: Reading, texts: list[str]) -> ClinicalColumn:
    names = ("no", *reading.limits)
    index = {name: float(place) for place, name in enumerate(names)}
    values = tuple(index.get(reading.limit(text), math.nan) for text in texts)
    return ClinicalColumn(ColumnSpec(reading.name + CENSORED, "categorical", categories=names), values, reading)


def _is_numeric(name: str, texts: list[str], look: Look) -> bool:
    if name in look.settings.categorical:
        return False
    return name in look.settings.numeric or _mostly_numbers([text for text in texts if text])


def _categories(
    name: str, texts: list[str], unit: str, look: Look, problems: Problems
) -> tuple[ColumnSpec, tuple[float, ...]]:
    given = [text for text in texts if text]
    categories, most = sorted_names(given), look.settings.max_categories
    if len(categories) > most:
        hint = hint_of(Counter(given))
        problems.add(
            f"the column {name!r} holds {len(categories)} different categories, but at most {most} are allowed "
            f"(`{look.setting}.max_categories`); {f'{hint}: correct these, or ' if hint else ''}leave it out with "
            f"`{look.setting}.exclude`"
        )
    index = {category: float(position) for position, category in enumerate(categories)}
    values = tuple(index[text] if text else math.nan for text in texts)
    return ColumnSpec(name, "categorical", unit, categories), values


def _mostly_numbers(texts: list[str]) -> bool:
    good = sum(as_number(text) is not None for text in texts)
    return good > _MOSTLY * len(texts)


def _numbers(table: Table, name: str, texts: list[str], look: Look, problems: Problems) -> tuple[float, ...]:
    values: list[float] = []
    wrong: list[str] = []
    for line, text in zip(table.numbers, texts, strict=True):
        number = as_number(text) if text else math.nan
        if number is None:
            wrong.append(text)
        elif abs(number) > _LARGEST:
            problems.add(
                f"{text} in the column {name!r} is too large for 32 bits; correct it, or leave it empty",
                line=line,
                cause=f"large {name}",
            )
        values.append(math.nan if number is None else number)
    if wrong:
        _add_wrong(table, name, wrong, look, problems)
    return tuple(values)


def _add_wrong(table: Table, name: str, wrong: list[str] | tuple[str, ...], look: Look, problems: Problems) -> None:
    """Add a problem for each cell that cannot be read, or one for all if there are many."""
    texts = set(wrong)
    place = table.places[name]
    cells = [(line, row[place]) for line, row in zip(table.numbers, table.rows, strict=True) if row[place] in texts]
    what = "one of its levels" if name in look.settings.ordinal else "a date" if _is_date(look, name) else "a number"
    if len(cells) <= _ALONE:
        for line, text in cells:
            problems.add(f"{text!r} in the column {name!r} is not {what}{_hint(text, look)}", line=line)
        return
    shown = ", ".join(f"{text!r} on line {line}" for line, text in cells[:_ALONE])
    problems.add(
        f"{len(cells)} cells of the column {name!r} are not {_SEVERAL[what]}: {shown}, …{_hint(cells[0][1], look)}",
    )


def _is_date(look: Look, name: str) -> bool:
    return look.settings.since is not None and name not in look.settings.numeric


def _hint(text: str, look: Look) -> str:
    if as_number(text.replace(",", ".")) is not None:
        return f"; write it with a point: {text.replace(',', '.')}"
    return f"; correct it, leave it empty, add it to `missing`, or name the column in `{look.setting}.categorical`"
