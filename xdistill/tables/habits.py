"""How a file as a whole writes its numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from xdistill.tables.marks import evidence

_LOOKED_AT = 200  # cells of a column


@dataclass(frozen=True)
class Habits:
    """What was seen in all columns.

    Attributes:
        commas: columns in which a number can only have a decimal comma.
        points: columns in which a number can only have a decimal point.
    """

    commas: int = 0
    points: int = 0

    @property
    def decimal(self) -> str:
        """The mark that decides a column in which both are possible; empty if the file does not tell."""
        if self.commas and not self.points:
            return ","
        return "." if self.points and not self.commas else ""


def habits_of(columns: Iterable[Iterable[str]]) -> Habits:
    """The habits of a file, by the different texts of its columns."""
    commas = points = 0
    for texts in columns:
        found = {evidence(text) for text in islice(texts, _LOOKED_AT)}
        commas += "," in found and "." not in found
        points += "." in found and "," not in found
    return Habits(commas, points)
