"""Every speed script's rows in one table, printed and written to RESULTS.md: what ``make perf`` runs.

    python benchmarks/perf [--quick] [--only step,cache] [--results FILE]

Each script is measured in a process of its own, one after the other. What it prints meanwhile goes to standard error.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from common import HEADER, Row, measured, table
from machine import machine

SCRIPTS = {
    "step": "The engine against a bare loop",
    "peers": "The engine against other frameworks",
    "limit": "Distance to the arithmetic limit",
    "compiled": "Compiled networks",
    "gpu": "On a GPU",
    "folds": "Whole runs",
    "teacher": "A cached teacher",
    "sums": "Checksums",
    "cache": "Reading",
    "importing": "Importing files",
    "predict": "Predicting from files",
    "serve": "Predicting through HTTP",
    "ranking": "Statistics",
    "losses": "Distillation losses",
    "start": "Start of commands",
    "export": "Exported students",
}
HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, and RESULTS.md is left as it is")
    parser.add_argument("--only", default="", help=f"some of {', '.join(SCRIPTS)}, with commas between")
    parser.add_argument("--results", type=Path, default=None, help="file of the results; default: RESULTS.md beside")
    chosen = parser.parse_args()
    names = [name for name in chosen.only.split(",") if name] or list(SCRIPTS)
    if unknown := [name for name in names if name not in SCRIPTS]:
        parser.error(f"unknown script `{unknown[0]}`. Valid scripts: {', '.join(f'`{name}`' for name in SCRIPTS)}")
    os.environ["OMP_NUM_THREADS"] = "1"  # what wants more threads says so itself
    sections = {name: _rows(name, quick=chosen.quick) for name in names}
    print(table([row for found in sections.values() for row in found]))
    results = chosen.results or (None if chosen.quick or chosen.only else HERE / "RESULTS.md")
    if results is not None:
        results.write_text(markdown(sections), encoding="utf-8")
        print(f"\nwritten to {results}")


def _rows(name: str, *, quick: bool) -> list[Row]:
    """A script's rows, measured in a process of its own: what one leaves in memory does not slow down the next."""
    begin = time.perf_counter()
    print(f"{name} …", end=" ", file=sys.stderr, flush=True)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        found = process.submit(measured, name, quick).result()
    print(f"{time.perf_counter() - begin:.0f} s", file=sys.stderr)
    return found


def markdown(sections: dict[str, list[Row]]) -> str:
    """The table as a page."""
    parts = [
        "# Measured speed",
        "Written by `make perf`; [what is measured](README.md).",
        "\n\n".join(machine().split("\n")),
    ]
    parts += [f"## {SCRIPTS[name]}\n\n{_markdown_table(rows)}" for name, rows in sections.items()]
    return "\n\n".join(parts) + "\n"


def _markdown_table(rows: Sequence[Row]) -> str:
    lines = [HEADER, ("---",) * len(HEADER), *(row.cells() for row in rows)]
    return "\n".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |" for line in lines)


if __name__ == "__main__":
    main()
