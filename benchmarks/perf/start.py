"""How long commands take to start, warm.

python benchmarks/perf/start.py [--rounds 7]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

COMMANDS = {
    "--help": 0.3,
    "--version": 0.3,
    "run --help": None,
    "recipe schema": None,
    "plugins list": 0.5,
    "recipe check mvi_hcc": None,
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    program = str(Path(sys.executable).with_name("xdistill"))
    print(f"{'command':24}{'median s':>10}{'best s':>10}{'cpu s':>10}{'goal':>8}")
    for command, goal in COMMANDS.items():
        times, cpu = [], []
        for _ in range(rounds + 1):
            begin, used = time.perf_counter(), os.times()
            subprocess.run([program, *command.split()], check=True, capture_output=True)
            now = os.times()
            times.append(time.perf_counter() - begin)
            cpu.append(now.children_user - used.children_user + now.children_system - used.children_system)
        print(
            f"{command:24}{statistics.median(times[1:]):10.2f}{min(times[1:]):10.2f}{min(cpu[1:]):10.2f}"
            f"{'' if goal is None else goal:>8}"
        )


if __name__ == "__main__":
    main()
