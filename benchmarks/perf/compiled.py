"""A training step with compiled networks against one without, on one thread; and how long compiling takes.

python benchmarks/perf/compiled.py [--quick]
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from unittest import mock

import torch
from common import Row, alone, interleaved, ratios
from job import Setup

WHAT = "training epoch, compute.compile"


def rows(quick: bool) -> list[Row]:
    torch.set_num_threads(1)
    rounds = 3 if quick else 7
    with tempfile.TemporaryDirectory() as folder, mock.patch.dict("os.environ", TORCHINDUCTOR_CACHE_DIR=folder):
        plain = Setup(rounds + 2).engine()
        compiled = Setup(rounds + 2, overrides=("compute.compile=true",)).engine()
        first = [timed(lambda: next(plain)), timed(lambda: next(compiled))]
        interleaved(lambda: next(compiled), lambda: next(plain), rounds=1)
        pairs = interleaved(lambda: next(compiled), lambda: next(plain), rounds=rounds, clock=time.process_time)
    note = f"compiling takes {first[1] - first[0]:.0f} s"
    return [Row(WHAT, "as they are", ratios(pairs), note=note)]


def timed(action: Callable[[], object]) -> float:
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


if __name__ == "__main__":
    alone(rows, __doc__)
