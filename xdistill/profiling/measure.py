"""Measures one column: type, gaps, range, words, and what is odd about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from xdistill.profiling.plain import PlainColumn
from xdistill.tables import MISSING, ColumnSettings, Found, Habits, Reading, as_number, find_reading
from xdistill.tables.dates import days

_BINS = 20
_LONGEST = max(map(len, MISSING))
_WORDS = 5
_MANY = 20  # different names that a category has at most
_FAR = 10.0  # interquartile ranges from the median
_LARGEST = float(np.finfo(np.float32).max)
_SENTINELS = (-1.0, -9.0, -99.0, -999.0, -9999.0, 99.0, 999.0, 9999.0, 99999.0)
_AGAIN = 2
_TYPES = {"ordinal": "grade", "levels": "grade", "date": "date"}
_DAY = (19000101, 21001231)


@dataclass(frozen=True)
class Measured:
    """What was measured; see `xdistill.profiling.ColumnProfile`.

    Attributes:
        values: numbers of the rows, or indices of their texts; NaN is missing.
        counts: texts that are not missing, with their numbers; empty for numbers of a cohort.
        names: texts by index, for all but numbers.
    """

    type: str
    missing: int
    distinct: int
    values: NDArray[np.float64] = field(repr=False)
    counts: Mapping[str, int] = field(default_factory=dict, repr=False)
    names: tuple[str, ...] = field(default=(), repr=False)
    range: tuple[float, ...] = ()
    words: tuple[tuple[str, int], ...] = ()
    unit: str = ""
    bars: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    oddities: tuple[str, ...] = ()


def measure_numbers(
    values: NDArray[np.float64], *, unit: str = "", notes: Sequence[str] = (), counts: Mapping[str, int] | None = None
) -> Measured:
    """Measure a column of numbers, ``(rows,)``; NaN is missing."""
    known = np.sort(values[~np.isnan(values)])
    bars: tuple[int, ...] = ()
    around: tuple[float, ...] = ()
    if len(known):
        low, middle, high = known[0], _quantile(known, 0.5), known[-1]
        around = (float(low), middle, float(high))
        with np.errstate(over="ignore", invalid="ignore"):
            bars = _bars(known) if np.isfinite(high - low) else ()
    return Measured(
        type="number" if len(known) else "empty",
        missing=len(values) - len(known),
        distinct=int(np.count_nonzero(np.diff(known))) + bool(len(known)),
        values=values,
        counts=counts or {},
        range=around,
        unit=unit,
        bars=bars,
        notes=tuple(notes),
        oddities=tuple(_odd_numbers(known, len(values))),
    )


def _bars(known: NDArray[np.float64]) -> tuple[int, ...]:
    """A histogram of sorted numbers."""
    low, high = known[0], known[-1]
    if low == high:
        return (len(known),)
    edges = np.linspace(low, high, _BINS + 1)
    return tuple(np.diff(np.searchsorted(known, edges[1:-1]), prepend=0, append=len(known)).tolist())


def _quantile(known: NDArray[np.float64], share: float) -> float:
    """A quantile of sorted numbers, between the nearest two."""
    place = share * (len(known) - 1)
    below = int(place)
    above = min(below + 1, len(known) - 1)
    return float(known[below] * (1 - (place - below)) + known[above] * (place - below))


LIKE_IDS = "leading zeros: an id?"
"""What is odd about whole numbers with leading zeros."""


def measure_texts(name: str, cells: Sequence[str], habits: Habits, *, names: bool = False) -> Measured:
    """Measure a column of texts; finds out how they are read, unless they are names."""
    counts = Counter(cells)
    for text in [text for text in counts if len(text) <= _LONGEST and text.lower() in {"", *MISSING}]:
        del counts[text]
    if names:
        return _texts(cells, counts, Found(Reading(name, numeric=False)))
    found = find_reading(name, (), ColumnSettings(), habits, counts)
    reading = found.reading
    if counts and reading.numeric and not found.left_out and not found.problem:
        written = {text: text if reading.is_plain else reading.plain(text) for text in counts}
        numbers = {text: as_number(plain) for text, plain in written.items() if plain}
        if 2 * sum(counts[text] for text, number in numbers.items() if number is not None) > counts.total():
            return _numbers(cells, numbers, counts, found)
    return _texts(cells, counts, found)


def measure_plain(column: PlainColumn) -> Measured:
    """Measure a column of plain numbers."""
    measured = measure_numbers(column.values)
    return _typed(measured, measured.type, (LIKE_IDS, *measured.oddities)) if column.zeros else measured


def _numbers(cells: Sequence[str], numbers: Mapping[str, float | None], counts: Counter[str], found: Found) -> Measured:
    """A column that holds numbers; texts among them are reported, and count as missing."""
    known = {text: number for text, number in numbers.items() if number is not None}
    values = np.array([known.get(text, np.nan) for text in cells], dtype=np.float64)
    measured = measure_numbers(values, unit=found.reading.unit, notes=found.reading.notes, counts=counts)
    wrong = {text: counts[text] for text, number in numbers.items() if number is None}
    like_ids = any(len(text) > 1 and text[0] == "0" and text.isdecimal() for text in numbers)
    odd = (LIKE_IDS, *measured.oddities) if like_ids else measured.oddities
    if wrong:
        odd = (f"{sum(wrong.values())} cells are not numbers, such as {next(iter(wrong))!r}", *odd)
    return _typed(measured, _TYPES.get(found.reading.form, "number"), odd)


def _typed(measured: Measured, kind: str, oddities: tuple[str, ...]) -> Measured:
    return Measured(**{**vars(measured), "type": kind, "oddities": oddities})


def _texts(cells: Sequence[str], counts: Counter[str], found: Found) -> Measured:
    reading = found.reading
    names: dict[str, str] = {}
    for text in counts:
        written = reading.plain(text) if reading.form == "words" or reading.missing else text
        if written != "":
            names[text] = written or text
    order = tuple(sorted(set(names.values())))
    index = {name: float(place) for place, name in enumerate(order)}
    place_of = {text: index[name] for text, name in names.items()}
    values = np.array([place_of.get(text, np.nan) for text in cells], dtype=np.float64)
    named: Counter[str] = Counter()
    for text, name in names.items():
        named[name] += counts[text]
    words = tuple(named.most_common(_WORDS))
    kind = _kind(found, named)
    oddities = [*([found.problem] if found.problem else []), *_odd_texts(kind, named, len(cells))]
    return Measured(
        type=kind,
        missing=len(cells) - named.total(),
        distinct=len(order),
        values=values,
        counts=named,
        names=order,
        range=_dates(named) if kind == "date" else (),
        words=words,
        bars=tuple(count for _, count in named.most_common(_BINS)),
        notes=reading.notes,
        oddities=tuple(oddities),
    )


def _kind(found: Found, named: Counter[str]) -> str:
    if not named:
        return "empty"
    if found.reading.form == "date":
        return "date"
    if found.left_out:
        return "files" if "files" in found.left_out else "split"
    return "category" if len(named) <= _MANY else "text"


def _dates(named: Mapping[str, int]) -> tuple[float, ...]:
    """First, median and last day since 1970."""
    known = [day for text in named if (day := days(text, day_first=True)) is not None]
    return tuple(map(float, np.quantile(known, [0, 0.5, 1]))) if known else ()


def _odd_numbers(known: NDArray[np.float64], rows: int) -> Iterator[str]:
    if not len(known):
        yield "empty"
        return
    if rows > 1 and known[0] == known[-1]:
        yield "a single value"
    if len(known) * 2 < rows:
        yield f"{rows - len(known)} of {rows} missing"
    largest = known[0] if -known[0] > known[-1] else known[-1]
    if abs(largest) > _LARGEST:
        yield f"{largest:g} is too large for 32 bits"
    for sentinel in {known[0], known[-1]}.intersection(_SENTINELS):
        rest = known[known != sentinel]
        count = len(known) - len(rest)
        if count >= _AGAIN and len(rest) > count and _is_far(sentinel, rest):
            yield f"{sentinel:g} occurs {count} times, far from all other values: does it mean missing?"
            known = rest
    low, middle, high = (_quantile(known, share) for share in (0.25, 0.5, 0.75))
    if high > low:
        margin = _FAR * (high - low)
        places = np.searchsorted(known, [middle - margin, middle + margin])
        count = int(places[0] + len(known) - places[1])
        if count:
            furthest = known[0] if middle - known[0] > known[-1] - middle else known[-1]
            yield f"{count} outlier{'s' if count > 1 else ''}, such as {furthest:g}"
    if len(known) > 1 and _DAY[0] <= known[0] and known[-1] <= _DAY[-1] and (known == np.round(known)).all():
        yield "may be dates written YYYYMMDD"


def _is_far(sentinel: float, rest: NDArray[np.float64]) -> bool:
    low, high = float(rest[0]), float(rest[-1])
    gap = low - sentinel if sentinel < low else sentinel - high
    return gap > max(high - low, 1.0) or (sentinel < 0 <= low and high > 1)


def _odd_texts(kind: str, named: Counter[str], rows: int) -> Iterator[str]:
    total = named.total()
    if not total:
        yield "empty"
        return
    if rows > 1 and len(named) == 1:
        yield "a single value"
    if total * 2 < rows:
        yield f"{rows - total} of {rows} missing"
    if kind == "text" and len(named) == total:
        yield "every value is different: an id or free text"
    elif kind == "text":
        yield f"{len(named)} different texts"
    if kind == "files" and len(named) < total:
        yield f"{total - len(named)} cells name a file that another cell names"
