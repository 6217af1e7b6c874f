"""What the scale scripts share: each step in a process of its own, what it costs, and how that grows."""

from __future__ import annotations

import json
import math
import resource
import subprocess
import sys
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
