"""Subjects that cannot be loaded: all of them in one error."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from xdistill.errors import DataError

_SHOWN = 10  # causes
_ALIKE = 3  # subjects of one cause that are named one by one
# What differs between errors of one cause: quoted names, paths, numbers.
_PARTICULAR = re.compile(r"'[^']*'|\S*[/\\]\S*|\d[\d.,]*")


@dataclass(frozen=True)
class Failure:
    """A subject that cannot be loaded.

    Attributes:
        row: of the data set's index.
        error: what is wrong.
    """

    row: int
    error: DataError


def combined(failures: Sequence[Failure], total: int) -> DataError:
    """One error for all subjects that failed: that of a single one as it is, else one line for each cause.

    Args:
        failures: at least one.
        total: number of all subjects.

    >>> files = [DataError(f"subject 's{n}': /data/{n}.png: is damaged") for n in range(5)]
    >>> print(combined([Failure(n, error) for n, error in enumerate(files)], 8))
    5 of 8 subjects cannot be read:
      subject 's0': /data/0.png: is damaged (and 4 more like it)
    """
    ordered = sorted(failures, key=lambda failure: failure.row)
    if len(ordered) == 1:
        return ordered[0].error
    causes: dict[str, list[str]] = {}
    for failure in ordered:
        text = str(failure.error)
        causes.setdefault(_PARTICULAR.sub("…", text), []).append(text)
    lines = [line for texts in causes.values() for line in _lines(texts)]
    more = [f"and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
    return DataError("\n  ".join([f"{len(ordered)} of {total} subjects cannot be read:", *lines[:_SHOWN], *more]))


def _lines(texts: list[str]) -> list[str]:
    return texts if len(texts) <= _ALIKE else [f"{texts[0]} (and {len(texts) - 1:,} more like it)"]
