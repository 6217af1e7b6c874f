"""A whole five-fold run with two workers, against a plain sequential script and against ``--jobs 1``.

All are processes of their own, timed by the clock from start to end: the run also starts its workers, writes
checkpoints, predictions and a report. The plain script trains fold after fold with both cores for its threads
(`plain_script.py`), once as one would write it, once with the engine's memory format and fused AdamW. The cohort is
built beforehand.

    python benchmarks/perf/folds.py [--quick]
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from common import Row, alone, interleaved, ratios

GOAL, WHAT = 0.6, "five-fold run, --jobs 2"


def rows(quick: bool) -> list[Row]:
    epochs, rounds = (2, 1) if quick else (20, 1)  # 20: the recipe's own
    others: dict[str, tuple[Callable[[], None], float | None]] = {
        "plain script, both cores": (lambda: plain(epochs), GOAL),
        "plain script, speed-ups by hand": (lambda: plain(epochs, "--tuned"), None),
        "--jobs 1, both cores": (lambda: run(epochs, jobs=1, threads=2), 0.65),
    }
    found = []
    for name, (other, goal) in others.items():
        pairs = interleaved(lambda: run(epochs, jobs=2, threads=1), other, rounds=rounds)
        note = ", ".join(f"{ours:.0f} s / {theirs:.0f} s" for ours, theirs in pairs)
        found.append(Row(WHAT, name, ratios(pairs), goal, note=f"{epochs} epochs: {note}"))
    return found


def run(epochs: int, *, jobs: int, threads: int) -> None:
    """The command line, with a folder of its own for the run."""
    with tempfile.TemporaryDirectory() as runs:
        _process(
            "-m", "xdistill", "run", "mvi_hcc", "--runs", runs, "--jobs", str(jobs), "--accelerator", "cpu",
            "--set", f"stages.joint.epochs={epochs}", "--set", f"compute.threads={threads}",
        )  # fmt: skip


def plain(epochs: int, *more: str) -> None:
    """The script."""
    _process(str(Path(__file__).with_name("plain_script.py")), "--epochs", str(epochs), *more)


def _process(*arguments: str) -> None:
    free = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True, env=free)


if __name__ == "__main__":
    alone(rows, __doc__)
