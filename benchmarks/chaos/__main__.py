"""Chaos tests, as one table: what ``make chaos`` runs.

    python benchmarks/chaos [--minutes 20] [--seed 0] [--only kills,flips,fuzz] [--commands run,tune]
    python benchmarks/chaos --kills 300

Commands are killed with their workers, get a full disk, and run twice at once; bits flip in every kind of file that
xdistill writes; readers get mutated files. A third of the time goes to flips and mutated files. Exit code 1 when an
outcome is none of the good ones.
"""

from __future__ import annotations

import argparse
import math
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from flips import Flipper
from fuzz import bounded, fuzz
from kills import COMMANDS, Disturber, disturb
from material import make, make_cohort
from table import Table

PARTS = {"flips": 1, "fuzz": 1, "kills": 4}  # with the share of the time
STEPS = {"flips": 45, "fuzz": 340}  # at a time


def main() -> None:
    """Run the parts and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--only", default=",".join(PARTS))
    parser.add_argument("--commands", default=",".join(COMMANDS))
    parser.add_argument("--kills", type=int, help="this many kills and nothing else, however long they take")
    parser.add_argument("--most", type=int, default=10_000, help="flips and mutated files of each reader at most")
    chosen = parser.parse_args()
    wanted = ["kills"] if chosen.kills else chosen.only.split(",")
    table, generator = Table(), random.Random(chosen.seed)  # noqa: S311 - no secret
    folder = Path(tempfile.mkdtemp(prefix="xdistill-chaos-"))
    begin = time.monotonic()
    until = begin + 60 * chosen.minutes
    sys.stderr.write(f"seed {chosen.seed}, in {folder}\n")
    try:
        material = make(folder / "material") if wanted != ["fuzz"] else None
        cohort = make_cohort(folder / "material") if material is None else material.cohort
        share = (until - time.monotonic()) / sum(PARTS[name] for name in wanted)
        if "flips" in wanted and material is not None:
            flipper = Flipper(material, folder / "flips", table, generator)
            _repeat(lambda: flipper.flip(STEPS["flips"]), share, chosen.most, STEPS["flips"])
        if "fuzz" in wanted:
            bounded()
            step = STEPS["fuzz"]
            _repeat(lambda: fuzz(folder / "fuzz", table, step, generator, cohort=cohort), share, chosen.most, step)
        if "kills" in wanted and material is not None:
            end = math.inf if chosen.kills else until
            disturber = Disturber(material, folder / "kills", table, generator, end)
            disturb(disturber, commands=tuple(chosen.commands.split(",")), kills=chosen.kills)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(table.text())
    sys.exit(1 if table.bad else 0)


def _repeat(part: Callable[[], None], seconds: float, most: int, step: int) -> None:
    until, done = time.monotonic() + seconds, 0
    while time.monotonic() < until and done < most:
        part()
        done += step


if __name__ == "__main__":
    main()
