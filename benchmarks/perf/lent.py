"""A training epoch of a fold that is lent a core against one that is not, by the clock; what both come to is the same.

python benchmarks/perf/lent.py [--quick]
"""

from __future__ import annotations

import torch
from common import Row, alone, interleaved, ratios
from job import Setup

from xdistill.workers.lent import set_lent_cores

WHAT = "training epoch, a core lent"


def rows(quick: bool) -> list[Row]:
    torch.set_num_threads(1)
    rounds = 3 if quick else 10
    setup = Setup(rounds + 1)
    events = {cores: setup.engine() for cores in (0, 1)}
    losses: dict[int, object] = {}

    def epoch(cores: int) -> None:
        set_lent_cores(cores)
        losses[cores] = next(events[cores]).losses

    epoch(0), epoch(1)  # warm both
    pairs = interleaved(lambda: epoch(1), lambda: epoch(0), rounds=rounds)
    set_lent_cores(0)
    assert losses[0] == losses[1], "the bits differ"
    return [Row(WHAT, "none lent", ratios(pairs), note="the same losses, bit by bit")]


if __name__ == "__main__":
    alone(rows, __doc__)
