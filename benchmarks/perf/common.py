"""What the speed scripts share: measuring two things in turn, and the rows of the table."""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

if Path(sys.path[0]) == Path(__file__).parent:  # one of these scripts is called like the standard library's `profile`
    sys.path.append(sys.path.pop(0))


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        what: what is measured.
        against: what it is held against; empty for seconds alone.
        values: one ratio (or, with ``unit``, one time) a round; none where nothing could be measured.
        goal: of the median; None where there is none.
        more_is_better: whether the goal is a least value instead of a largest one.
        unit: empty for ratios.
        note: what else there is to know, such as why nothing could be measured.
    """

    what: str
    against: str
    values: tuple[float, ...]
    goal: float | None = None
    more_is_better: bool = False
    unit: str = ""
    note: str = ""

    @property
    def median(self) -> float:
        """Of the rounds."""
        return statistics.median(self.values)

    @property
    def met(self) -> bool | None:
        """Whether the median reaches the goal; None where there is no goal or no value."""
        if self.goal is None or not self.values:
            return None
        return self.median >= self.goal if self.more_is_better else self.median <= self.goal

    def cells(self) -> tuple[str, ...]:
        """The line as text: what, against, median, least, most, goal, met, note."""
        numbers = [self.median, min(self.values), max(self.values)] if self.values else []
        shown = [f"{number:.2f}{self.unit}" for number in numbers] or ["-", "-", "-"]
        sign = ">=" if self.more_is_better else "<="
        goal = "" if self.goal is None else f"{sign} {self.goal:g}{self.unit}"
        met = {True: "yes", False: "no", None: ""}[self.met]
        return (self.what, self.against, *shown, goal, met, self.note)


HEADER = ("what", "against", "median", "min", "max", "goal", "met", "note")


def ratios(pairs: Sequence[tuple[float, float]]) -> tuple[float, ...]:
    """Of the pairs that `interleaved` measured."""
    return tuple(first / second for first, second in pairs)


def interleaved(
    first: Callable[[], object],
    second: Callable[[], object],
    *,
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
    before: Callable[[], object] = lambda: None,
) -> list[tuple[float, float]]:
    """Seconds of both, measured in turn (A B B A …) so that a drifting machine hits both alike.

    With ``clock=time.process_time`` seconds are those that this process computed: what others do on the machine
    then counts less. ``before`` is called before each of them and is not timed.
    """
    pairs = []
    for number in range(rounds):
        order = (first, second) if number % 2 == 0 else (second, first)
        times = {}
        for function in order:
            before()
            begin = clock()
            function()
            times[function] = clock() - begin
        pairs.append((times[first], times[second]))
    return pairs


def table(rows: Sequence[Row]) -> str:
    """The rows in columns."""
    lines = [HEADER, *(row.cells() for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(HEADER))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)


def measured(script: str, quick: bool) -> list[Row]:
    """The rows of a script, by the name of its module."""
    rows: list[Row] = import_module(script).rows(quick)
    return rows


def alone(rows: Callable[[bool], Sequence[Row]], about: str | None) -> None:
    """What a script does when it is run alone: measure and print its rows."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    print(table(rows(parser.parse_args().quick)))
