"""Folds in parallel: ``--jobs 2`` with one thread each against ``--jobs 1`` with both cores for its threads.

    python benchmarks/perf/folds.py [--epochs 20] [--repeats 2] [--rounds 1]

A ratio of whole runs of the flagship recipe, start of the worker processes and report included. Two
repeats of five folds by default: five folds alone on two workers take three rounds, one of them half empty.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from common import interleaved, report

import xdistill


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=1)
    arguments = parser.parse_args()
    runs = Path(tempfile.mkdtemp())

    def run(jobs: int, threads: int) -> None:
        overrides = {
            "stages.joint.epochs": arguments.epochs,
            "executor.jobs": jobs,
            "compute.threads": threads,
            "crossval.repeats": arguments.repeats,
            "compute.accelerator": "cpu",
        }
        xdistill.run("mvi_hcc", overrides=overrides, runs=runs, fresh=True)

    pairs = interleaved(lambda: run(2, 1), lambda: run(1, 2), rounds=arguments.rounds)
    for parallel, single in pairs:
        print(f"--jobs 2 --threads 1: {parallel:.1f} s    --jobs 1 --threads 2: {single:.1f} s")
    report("jobs 2 / jobs 1", pairs, goal=0.65)


if __name__ == "__main__":
    main()
