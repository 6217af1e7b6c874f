"""The settings of a column, and what was detected in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from xdistill.tables.marks import quantity
from xdistill.tables.reading import Reading

MOSTLY = 0.5  # a column is numbers with errors, not names, if more than this fraction of its cells are numbers
_SHOWN = 3


@dataclass(frozen=True)
class ColumnSettings:
    """What the recipe says about a column; what it does not say is detected.

    Attributes:
        kind: ``numeric`` or ``categorical``; empty: detected.
        levels: names in order, from 0.
        decimal: mark of decimals.
        day_first: whether ``3/4/2021`` is the third of April.
        since: column of dates that this column's dates are counted from; empty: none.
        kept: texts that are values and do not mean missing.
    """

    kind: str = ""
    levels: tuple[str, ...] = ()
    decimal: str | None = None
    day_first: bool | None = None
    since: str = ""
    kept: frozenset[str] = field(default_factory=frozenset)


class Found(NamedTuple):
    """What a column is.

    Attributes:
        reading: how its cells are read.
        left_out: why it is not a value, such as ``holds dates``; empty if it is one.
        problem: why it cannot be read; empty if it can.
        wrong: texts that the reading cannot read.
    """

    reading: Reading
    left_out: str = ""
    problem: str = ""
    wrong: tuple[str, ...] = ()


def hint_of(counts: Counter[str]) -> str:
    """What the texts of a column of too many names look like, for the message; empty if they look like names."""
    found = {text: one for text in counts for mark in ".," if (one := quantity(text, mark)) is not None}
    if len(found) < MOSTLY * len(counts):
        return ""
    marks = [
        *(["decimal commas"] if any("," in text for text in found) else []),
        *(["units"] if any(one.unit for one in found.values()) else []),
        *(["< or >"] if any(one.limit for one in found.values()) else []),
    ]
    others = {text: count for text, count in counts.items() if text not in found}
    rest = f", but not {counted(others)}" if others else ""
    return f"{len(found)} of them are numbers{f' with {listed(marks)}' if marks else ''}{rest}"


def listed(names: Iterable[str]) -> str:
    """Names with commas and a last ``and``."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def counted(counts: Mapping[str, int]) -> str:
    """The first texts with their numbers."""
    order = sorted(counts, key=lambda text: (-counts[text], text))
    shown = [f"{text!r}{f' ({counts[text]})' if counts[text] > 1 else ''}" for text in order[:_SHOWN]]
    return ", ".join(shown) + (", …" if len(order) > _SHOWN else "")
