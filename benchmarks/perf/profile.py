"""How long ``xdistill data profile`` takes for a large table.

Writes a table of made-up numbers, words and gaps into a temporary folder, and profiles it in a process of its own:

    .venv/bin/python benchmarks/perf/profile.py --rows 100000 --columns 200
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

_WORDS = np.array(["never", "former", "current", ""])


def write_table(file: Path, rows: int, columns: int) -> None:
    """Nine in ten columns are numbers with gaps, the others words."""
    rng = np.random.default_rng(0)
    made = []
    for place in range(columns):
        if place % 10 == 9:
            made.append(_WORDS[rng.integers(0, len(_WORDS), rows)].tolist())
        else:
            numbers = np.char.mod("%.6g", rng.lognormal(size=rows))
            numbers[rng.random(rows) < 0.05] = ""
            made.append(numbers.tolist())
    label = rng.integers(0, 2, rows).astype(str).tolist()
    header = ["label", *(f"item {place}" for place in range(columns))]
    with file.open("w", encoding="utf-8") as stream:
        stream.write(",".join(header) + "\n")
        stream.writelines(",".join(row) + "\n" for row in zip(label, *made, strict=True))


def main() -> None:
    """Print seconds and memory as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--columns", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "table.csv"
        write_table(file, options.rows, options.columns)
        command = [sys.executable, "-m", "xdistill", "data", "profile", str(file), "--label", "label", "--json"]
        start = time.perf_counter()
        done = subprocess.run(command, capture_output=True, check=True)
        seconds = time.perf_counter() - start
        found = json.loads(done.stdout)
    from resource import RUSAGE_CHILDREN, getrusage

    usage = getrusage(RUSAGE_CHILDREN)
    print(
        json.dumps(
            {
                "rows": found["subjects"],
                "columns": len(found["columns"]),
                "seconds": round(seconds, 1),
                "processor_seconds": round(usage.ru_utime + usage.ru_stime, 1),
                "megabytes": round(usage.ru_maxrss / 1024),
            }
        )
    )


if __name__ == "__main__":
    main()
