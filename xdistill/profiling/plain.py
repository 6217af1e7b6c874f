"""Finds the columns of a large table that hold plain numbers, block by block: its cells do not fit into caches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_BLOCK = 1024  # rows


@dataclass(frozen=True)
class PlainColumn:
    """A column in which every cell is a number with a point, or empty.

    Attributes:
        values: ``(rows,)``; NaN is missing.
        zeros: whether whole numbers have leading zeros, as ids do.
    """

    values: NDArray[np.float64]
    zeros: bool


def plain_columns(rows: Sequence[Sequence[str]], columns: int) -> dict[int, PlainColumn]:
    """The columns of plain numbers by place; those without any value are left out.

    Args:
        rows: of cells.
        columns: how many there are.
    """
    values = {place: np.full(len(rows), np.nan) for place in range(columns)}
    zeros: set[int] = set()
    fractions: set[int] = set()
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        for place, cells in enumerate(zip(*block, strict=True)):
            if place not in values:
                continue
            joined = "".join(cells)
            try:
                numbers = [float(text) if text else math.nan for text in cells]
            except ValueError:
                numbers = []
            if not numbers or "_" in joined:
                del values[place]
                continue
            values[place][start : start + len(cells)] = numbers
            if "." in joined:
                fractions.add(place)
            elif place not in fractions and "0" in joined:
                zeros |= {place} if any(len(text) > 1 and text[0] == "0" for text in cells) else set()
    return {
        place: PlainColumn(column, place in zeros - fractions)
        for place, column in values.items()
        if not np.isinf(column).any() and not np.isnan(column).all()
    }
