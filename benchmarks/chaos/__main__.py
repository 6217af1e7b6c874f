"""Chaos tests, as one table: what ``make chaos`` runs.

    python benchmarks/chaos [--minutes 20] [--seed 0] [--only kills,flips,fuzz] [--commands run,tune]
    python benchmarks/chaos --kills 300

Commands are killed with their workers, get a full disk, and run twice at once; bits flip in every kind of file that
xdistill writes; readers get mutated files. A third of the time goes to flips and mutated files. Exit code 1 when an
outcome is none of the good ones.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

from flips import flip
from fuzz import bounded, fuzz
from kills import COMMANDS, Disturber, disturb
from material import make
from table import Table

PARTS = ("flips", "fuzz", "kills")
STEP = 50


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
        material = make(folder / "material")
        share = (until - time.monotonic()) / 6
        if "flips" in wanted:
            _repeat(lambda: flip(material, folder / "flips", table, STEP, generator), share, chosen.most)
        if "fuzz" in wanted:
            bounded()
            cohort = material.cohort
            _repeat(lambda: fuzz(folder / "fuzz", table, STEP, generator, cohort=cohort), share, chosen.most)
        if "kills" in wanted:
            disturber = Disturber(material, folder / "kills", table, generator)
            disturb(disturber, until, commands=tuple(chosen.commands.split(",")), kills=chosen.kills)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(table.text())
    sys.exit(1 if table.bad else 0)


def _repeat(part: object, seconds: float, most: int) -> None:
    until, done = time.monotonic() + seconds, 0
    while time.monotonic() < until and done < most:
        part()  # type: ignore[operator]
        done += STEP


if __name__ == "__main__":
    main()
