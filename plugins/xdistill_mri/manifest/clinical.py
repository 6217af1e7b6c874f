"""Clinical columns: from texts to numbers, indices of categories, and NaN for what is missing."""

from __future__ import annotations

import math
from dataclasses import dataclass

from xdistill.types import ColumnSpec
from xdistill_mri.manifest.config import ClinicalSettings
from xdistill_mri.manifest.problems import Problems
from xdistill_mri.manifest.table import Table

# A column is taken for numbers with errors, not for names, if more than this fraction of its values are numbers.
_MOSTLY = 0.5


@dataclass(frozen=True)
class ClinicalColumn:
    """One column with its values, one per subject; NaN is missing."""

    spec: ColumnSpec
    values: tuple[float, ...]


def read_column(table: Table, name: str, settings: ClinicalSettings, problems: Problems) -> ClinicalColumn:
    """Read the values of a clinical column: numbers if they can be read as such, else categories."""
    texts = table.column(name)
    given = [text for text in texts if text]
    unit = settings.units.get(name, "")
    if not given:
        problems.add(f"the column {name!r} is empty in all rows; leave it out with `clinical.exclude`")
        return ClinicalColumn(ColumnSpec(name, unit=unit), ())
    if name not in settings.categorical and (name in settings.numeric or _mostly_numbers(given)):
        return ClinicalColumn(ColumnSpec(name, unit=unit), _numbers(table, name, texts, problems))
    categories = sorted_names(given)
    if len(categories) > settings.max_categories:
        problems.add(
            f"the column {name!r} holds {len(categories)} different names, but at most "
            f"{settings.max_categories} are allowed (`clinical.max_categories`); leave it out with `clinical.exclude`"
        )
    index = {category: float(position) for position, category in enumerate(categories)}
    values = tuple(index[text] if text else math.nan for text in texts)
    return ClinicalColumn(ColumnSpec(name, "categorical", unit, categories), values)


def sorted_names(texts: list[str]) -> tuple[str, ...]:
    """The different texts, sorted; by value if all are numbers."""
    different = set(texts)
    numbers = {text: number for text in different if (number := as_number(text)) is not None}
    if len(numbers) == len(different):
        return tuple(sorted(different, key=lambda text: (numbers[text], text)))
    return tuple(sorted(different))


def as_number(text: str) -> float | None:
    """The finite number that a text stands for, or None."""
    if "_" in text:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _mostly_numbers(texts: list[str]) -> bool:
    good = sum(as_number(text) is not None for text in texts)
    return good > _MOSTLY * len(texts)


def _numbers(table: Table, name: str, texts: list[str], problems: Problems) -> tuple[float, ...]:
    values: list[float] = []
    for line, text in zip(table.lines, texts, strict=True):
        number = as_number(text) if text else math.nan
        if number is None:
            problems.add(f"{text!r} in the column {name!r} is not a number{_hint(text)}", line=line.number)
        values.append(math.nan if number is None else number)
    return tuple(values)


def _hint(text: str) -> str:
    if as_number(text.replace(",", ".")) is not None:
        return f"; write it with a point: {text.replace(',', '.')}"
    return "; correct it, leave it empty, add it to `missing`, or name the column in `clinical.categorical`"
