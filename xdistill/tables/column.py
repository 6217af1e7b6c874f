"""Finds out how a column is to be read, by all of its cells."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace

from xdistill.tables.dates import day_comes_first, days
from xdistill.tables.found import MOSTLY, ColumnSettings, Found, counted
from xdistill.tables.habits import Habits
from xdistill.tables.marks import are_numbers, as_number
from xdistill.tables.quantities import numbers_of, quantities_of
from xdistill.tables.reading import Reading
from xdistill.tables.words import ALSO_MISSING, NO, SPLITS, YES, folded, is_path, ordinal

_LIKE_THOUSANDS = re.compile(r"[1-9]\d{0,2}\.\d{3}")
_TWO_READINGS = "numbers such as 1.204 are read with a decimal point; if it divides thousands, set `decimal: ','`"


def find_reading(
    name: str, cells: Iterable[str], settings: ColumnSettings, habits: Habits, counts: Counter[str] | None = None
) -> Found:
    """Find out how a column is to be read.

    Args:
        name: of the column.
        cells: all of them; empty ones are missing.
        settings: of the recipe.
        habits: of the file.
        counts: the cells that are not empty, where they are counted already.
    """
    counts = Counter(filter(None, cells)) if counts is None else counts
    comma = "," in {habits.decimal, settings.decimal}
    if not comma and not settings.kind and not settings.levels and counts and are_numbers(counts):
        notes = (_TWO_READINGS,) if settings.decimal is None and all(map(_LIKE_THOUSANDS.fullmatch, counts)) else ()
        return Found(Reading(name, notes=notes))  # the most frequent case, which takes long in large tables
    absent = {text: count for text, count in counts.items() if _is_missing(text, settings)}
    counts = Counter({text: count for text, count in counts.items() if text not in absent})
    found = _found(name, counts, settings, habits)
    if not absent:
        return found
    reading = replace(
        found.reading,
        missing=tuple(sorted({*found.reading.missing, *map(folded, absent)})),
        notes=(*found.reading.notes, f"missing: {counted(absent)}"),
    )
    return found._replace(reading=reading)


def _found(name: str, counts: Counter[str], settings: ColumnSettings, habits: Habits) -> Found:
    if not counts:
        return Found(Reading(name))
    if settings.levels:
        return _levels(name, counts, settings)
    if settings.kind == "categorical":
        return Found(_words(name, counts))
    numbers = sum(count for text, count in counts.items() if as_number(text) is not None)
    if settings.kind == "numeric" or numbers > MOSTLY * counts.total():
        return _dates(name, counts, settings) or numbers_of(name, counts, settings, habits)
    return (
        _no_values(name, counts)
        or _dates(name, counts, settings)
        or _ordinals(name, counts)
        or quantities_of(name, counts, settings, habits)
        or Found(_words(name, counts))
    )


def _is_missing(text: str, settings: ColumnSettings) -> bool:
    word = folded(text)
    return word in ALSO_MISSING and text not in settings.kept and word not in map(folded, settings.levels)


def _no_values(name: str, counts: Counter[str]) -> Found | None:
    """Names of files, and the parts of a split."""
    if all(map(is_path, counts)):
        return Found(Reading(name, numeric=False), left_out="holds names of files")
    if len(counts) > 1 and all(folded(text) in SPLITS for text in counts):
        return Found(Reading(name, numeric=False), left_out=f"holds parts of a split ({counted(counts)})")
    return None


def _dates(name: str, counts: Counter[str], settings: ColumnSettings) -> Found | None:
    texts = list(counts)
    if days(texts[0], day_first=True) is None and days(texts[0], day_first=False) is None:
        return None
    day_first = settings.day_first if settings.day_first is not None else day_comes_first(texts)
    wrong = tuple(text for text in texts if days(text, day_first=day_first is not False) is None)
    if sum(counts[text] for text in wrong) >= MOSTLY * counts.total():
        return None
    reading = Reading(name, "date", since=settings.since, day_first=day_first is not False)
    if not settings.since:
        return Found(reading, left_out="holds dates")
    if day_first is None:
        problem = f"is ambiguous: {texts[0]!r} has two readings as a date; set `clinical.day_first` to true or false"
        return Found(reading, problem=problem)
    reading = replace(reading, notes=(f"days since {settings.since!r}",))
    return Found(reading, wrong=wrong)


def _ordinals(name: str, counts: Counter[str]) -> Found | None:
    grades = {text: grade for text in counts if (grade := ordinal(text)) is not None}
    if len(grades) < len(counts) or not any("+" in text for text in counts):
        return None
    order = sorted(grades, key=lambda text: (grades[text], text))
    shown = ", ".join(f"{text} = {grades[text]:g}" for text in order)
    return Found(Reading(name, "ordinal", notes=(f"grades: {shown}",)))


def _levels(name: str, counts: Counter[str], settings: ColumnSettings) -> Found:
    levels = tuple(map(folded, settings.levels))
    reading = Reading(name, "levels", levels=levels, notes=(f"in order: {', '.join(settings.levels)}",))
    return Found(reading, wrong=tuple(text for text in counts if folded(text) not in levels))


def _words(name: str, counts: Counter[str]) -> Reading:
    """Names; different spellings of one are the most frequent of them, and yes and no in several spellings are two."""
    spellings: dict[str, list[str]] = {}
    for text in sorted(counts, key=lambda text: (-counts[text], text)):
        spellings.setdefault(folded(text), []).append(text)
    meanings = {word: "yes" if word in YES else "no" if word in NO else "" for word in spellings}
    several = len(spellings) < len(counts) or len(spellings) > len({*meanings.values()})
    if all(meanings.values()) and several:
        shown = [f"{meaning}: {', '.join(_of(spellings, meanings, meaning))}" for meaning in ("no", "yes")]
        return Reading(name, "words", numeric=False, words=meanings, notes=("; ".join(shown),))
    if len(spellings) == len(counts):
        return Reading(name, numeric=False)
    notes = [f"{', '.join(map(repr, texts))} are one word" for texts in spellings.values() if len(texts) > 1]
    words = {word: texts[0] for word, texts in spellings.items()}
    return Reading(name, "words", numeric=False, words=words, notes=tuple(notes))


def _of(spellings: Mapping[str, list[str]], meanings: Mapping[str, str], meaning: str) -> list[str]:
    return [repr(text) for word, texts in spellings.items() if meanings[word] == meaning for text in texts]
