"""What the speed scripts share: measuring two things in turn, and printing ratios."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable


def interleaved(
    first: Callable[[], object],
    second: Callable[[], object],
    *,
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
) -> list[tuple[float, float]]:
    """Seconds of both, measured in turn (A B B A …) so that a drifting machine hits both alike.

    With ``clock=time.process_time`` seconds are those that this process computed: what others do on the machine
    then counts less.
    """
    pairs = []
    for number in range(rounds):
        order = (first, second) if number % 2 == 0 else (second, first)
        times = {}
        for function in order:
            begin = clock()
            function()
            times[function] = clock() - begin
        pairs.append((times[first], times[second]))
    return pairs


def report(name: str, pairs: list[tuple[float, float]], *, goal: float) -> None:
    """Print the median ratio of the pairs beside the goal."""
    ratios = sorted(first / second for first, second in pairs)
    print(
        f"{name}: ratio {statistics.median(ratios):.3f} (from {ratios[0]:.3f} to {ratios[-1]:.3f} in {len(ratios)} "
        f"rounds), goal at most {goal:g}"
    )
