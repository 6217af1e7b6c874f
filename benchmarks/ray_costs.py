"""What Ray costs: its start, a task, a word, and two folds against the same two folds of the executor `local`.

``python benchmarks/ray_costs.py`` takes some minutes on two cores. The executors take turns, one fold at a time. Ray
keeps its workers, and what they have imported, from one run of a process to the next; `local` starts new ones.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import xdistill
from xdistill.interfaces.executor import Job
from xdistill_ray.executor import RayExecutor

TASKS, WORDS, ROUNDS = 200, 2000, 3
FOLDS = {
    "data.subjects": 60,
    "stages.joint.epochs": 2,
    "crossval.folds": 2,
    "compute.threads": 1,
}


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def run(executor: str, folder: Path, attempt: int) -> xdistill.FinishedRun:
    """Two folds, one after the other, in a run of their own."""
    overrides = {**FOLDS, "executor": {"use": executor, "jobs": 1}}
    return xdistill.run("mvi_hcc", overrides=overrides, runs=folder / f"{executor}{attempt}", cache=folder / "cache")


def main() -> None:
    """Measure and print."""
    ray = RayExecutor(RayExecutor.Config(jobs=1))
    print(f"Ray of its own on this machine is there   {seconds(ray.check):8.2f} s")

    def tasks(count: int, numbers: int = 0) -> None:
        jobs = [Job(str(number), {"numbers": numbers, "mark": ""}) for number in range(count)]
        for _ in ray.run("xdistill.testing.helpers.jobs:count", jobs):
            pass

    print(f"first task, in a worker that starts       {seconds(lambda: tasks(1)):8.2f} s")
    print(f"a task in a worker that is there          {1000 * seconds(lambda: tasks(TASKS)) / TASKS:8.2f} ms")
    print(f"a word of a task                          {1000 * seconds(lambda: tasks(1, WORDS)) / WORDS:8.2f} ms")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        times: dict[str, list[float]] = {"local": [], "ray": []}
        bits = set()
        run("local", folder, -1)  # builds the cohort
        for attempt in range(ROUNDS):
            for executor, taken in times.items():
                begin = time.perf_counter()
                result = run(executor, folder, attempt)
                taken.append(time.perf_counter() - begin)
                bits.add((result.path / "predictions.csv").read_bytes())
        for executor, taken in times.items():
            listed = ", ".join(f"{value:.1f}" for value in taken)
            print(f"two folds, {executor:<5} (median of {listed}) {statistics.median(taken):8.2f} s")
        ratios = [one / other for one, other in zip(times["ray"], times["local"], strict=True)]
        print(f"ray / local, median of pairs              {statistics.median(ratios):8.2f}")
        print(f"different predictions                     {len(bits) - 1:8d}")


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
