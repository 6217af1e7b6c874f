"""Where marks of the page's small charts stand: numbers only, drawn by the template."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

HEIGHT: Final = 40.0  # of a row, in the units of its drawing
MARGIN: Final = 10.0  # left and right, so that no label of the axis is cut
DOTS: Final = (4.0, 19.0)  # where dots stand, from above
BAR: Final = 29.0  # height of the interval's line
MOST_TICKS: Final = 5
GOLDEN: Final = 0.6180339887498949


@dataclass(frozen=True)
class Axis:
    """A horizontal scale that all rows of a table share.

    Attributes:
        low: left end, in the unit of the values.
        high: right end.
        width: of the drawing.
        ticks: round values from left to right.
    """

    low: float
    high: float
    width: float
    ticks: tuple[float, ...]

    def x(self, value: float) -> float:
        """Where a value stands, from the left."""
        inner = self.width - 2 * MARGIN
        return round(MARGIN + inner * (value - self.low) / (self.high - self.low), 2)


@dataclass(frozen=True)
class Line:
    """A vertical line through all rows.

    Attributes:
        value: in the unit of the axis.
        kind: ``reference``, ``bound`` or ``zero``.
    """

    value: float
    kind: str


@dataclass(frozen=True)
class Marks:
    """One row of a chart.

    Attributes:
        dots: ``(x, y)`` of single folds.
        bar: ends of the interval, None where there is none.
        centre: of the estimate.
    """

    dots: tuple[tuple[float, float], ...]
    bar: tuple[float, float] | None
    centre: float


def axis_over(values: Iterable[float], *, width: float) -> Axis:
    """A scale from round value to round value that holds all finite values."""
    finite = [value for value in values if math.isfinite(value)]
    low, high = min(finite), max(finite)
    if high - low < 1:  # equal values need some room to stand in
        low, high = low - 0.5, high + 0.5
    step = _step(high - low)
    first, last = math.floor(low / step), math.ceil(high / step)
    ticks = tuple(round(step * index, 10) for index in range(first, last + 1))
    return Axis(ticks[0], ticks[-1], width, ticks)


def marks(axis: Axis, *, estimate: float, interval: tuple[float, float] | None, dots: Sequence[float] = ()) -> Marks:
    """Dots above, the estimate on its interval below."""
    return Marks(
        dots=tuple((axis.x(value), _height(place)) for place, value in enumerate(dots)),
        bar=None if interval is None else (axis.x(interval[0]), axis.x(interval[1])),
        centre=axis.x(estimate),
    )


def _step(span: float) -> float:
    """The smallest of 1, 2, 5, 10, … that needs no more ticks than there is room for."""
    power = 10.0 ** math.floor(math.log10(span / MOST_TICKS))
    return next(power * factor for factor in (1, 2, 5, 10) if span / (power * factor) <= MOST_TICKS)


def _height(place: int) -> float:
    """Steps of the golden ratio, always the same, so that equal values do not hide each other."""
    top, bottom = DOTS
    return round(top + (bottom - top) * (place * GOLDEN % 1), 2)
