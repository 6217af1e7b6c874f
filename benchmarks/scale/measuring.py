"""What the scale scripts share: each step in a process of its own, what it costs, and how that grows."""

from __future__ import annotations

import argparse
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

MEGABYTE = 2**20


@dataclass(frozen=True)
class Cost:
    """Of one step at one size.

    Attributes:
        seconds: of processor time, so that what else the machine does counts little.
        megabytes: the largest resident set of the process, with the interpreter and its libraries.
        before: resident when the step began.
    """

    seconds: float
    megabytes: float
    before: float


StepOf = Callable[[str, Path, int], Callable[[], object]]


def measured(step: Callable[[], object]) -> str:
    """Run a step within the new process; what it cost as JSON."""
    before, begin = peak(), time.process_time()
    step()
    return json.dumps({"seconds": time.process_time() - begin, "megabytes": peak(), "before": before})


def peak() -> float:
    """The largest resident set of this process so far, in MiB."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (MEGABYTE if sys.platform == "darwin" else 1024)


def in_own_process(script: str, *words: str) -> Cost:
    """Run ``script --step …`` and read what it says it cost."""
    done = subprocess.run([sys.executable, script, *words], check=True, stdout=subprocess.PIPE, text=True)
    return Cost(**json.loads(done.stdout.splitlines()[-1]))


def growth(sizes: Sequence[int], costs: Sequence[Cost]) -> float:
    """The exponent between the last two sizes: 1 is linear, 2 quadratic."""
    return math.log(costs[-1].seconds / costs[-2].seconds) / math.log(sizes[-1] / sizes[-2])


def show(what: str, sizes: Sequence[int], table: dict[str, Sequence[Cost]]) -> str:
    """A Markdown table: seconds and peak memory of every step at every size, and how the seconds grow."""
    head = [what, *(f"{size:,}" for size in sizes), "grows as"]
    lines = [head, ["---"] * len(head)]
    for step, costs in table.items():
        cells = [
            f"{cost.seconds:.2f} s, {cost.megabytes:.0f} MiB (+{cost.megabytes - cost.before:.0f})" for cost in costs
        ]
        lines.append([step, *cells, f"n^{growth(sizes, costs):.2f}" if len(sizes) > 1 else ""])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def size_on_disk(folder: Path) -> float:
    """MiB of all files."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / MEGABYTE


def main(script: str, about: str | None, what: str, sizes: str, *, steps: Sequence[str], step_of: StepOf) -> None:
    """The command line of a script: every step at every size in a process of its own, then the table.

    Args:
        script: its file.
        about: what ``--help`` says.
        what: is counted by the sizes.
        sizes: unless others are asked for, with commas between.
        steps: in their order.
        step_of: gives what a step does, from its name, the folder and the size.
    """
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default=sizes, help=f"numbers of {what}")
    parser.add_argument("--folder", type=Path, default=None, help="where files are written; default: a temporary one")
    parser.add_argument("--step", default="", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    numbers = [int(size) for size in chosen.sizes.split(",")]
    if chosen.step:
        print(measured(step_of(chosen.step, chosen.folder, numbers[0])))
        return
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        table: dict[str, list[Cost]] = {step: [] for step in steps}
        for size in numbers:
            for step, costs in table.items():
                costs.append(in_own_process(script, "--step", step, "--sizes", str(size), "--folder", folder))
                print(f"{size} {what}, {step}: {costs[-1].seconds:.1f} s", file=sys.stderr)
        print(show(what, numbers, table))
        print(f"\n{size_on_disk(Path(folder)):.0f} MiB on disk, all sizes together")
