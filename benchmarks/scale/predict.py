"""Predicts for very many subjects: how much memory does it take, and how long?

    python benchmarks/scale/predict.py [--subjects 10000]

The subjects are arrays in .npy files (hard links to one pair), so that reading and predicting are measured and not the
disk.
"""

from __future__ import annotations

import argparse
import csv
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import xdistill

SMALL = {"data.subjects": 30, "stages.joint.epochs": 1, "crossval.folds": 2}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subjects", type=int, default=10_000)
    subjects = parser.parse_args().subjects
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        xdistill.fit("mvi_hcc", home / "model", overrides=SMALL, runs=home / "runs", crossval=False)
        table = _write(home / "new", subjects)
        for count in (subjects // 10, subjects):
            _measure(home / "model", table, count)


def _measure(model: Path, table: Path, count: int) -> None:
    """One process for each number of subjects, since peak memory never falls."""
    pid = os.fork()
    if pid:
        _, status = os.waitpid(pid, 0)
        if status:
            sys.exit("the prediction failed")
        return
    from itertools import islice

    from xdistill.models.stream import predict_stream
    from xdistill.models.tables import read_table

    loaded = xdistill.load_model(model)
    rows = read_table(loaded, table)
    begin = time.perf_counter()
    done = sum(1 for _ in predict_stream(loaded, islice(rows, count)))
    seconds = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{done:>6} subjects: {seconds:.1f} s, {1000 * seconds / done:.1f} ms each, peak memory {peak:.0f} MiB",
        flush=True,
    )
    os._exit(0)


def _write(folder: Path, subjects: int) -> Path:
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in ("hbp", "pre"):
        np.save(folder / f"{name}.npy", rng.normal(size=(12, 24, 24)).astype(np.float32))
    table = folder / "new.csv"
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["subject", "hbp", "pre"])
        writer.writerows([f"s{row}", "hbp.npy", "pre.npy"] for row in range(subjects))
    return table


if __name__ == "__main__":
    main()
