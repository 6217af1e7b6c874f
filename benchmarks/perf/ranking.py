"""How long it takes to rank methods: every metric and test from per-subject predictions.

OMP_NUM_THREADS=1 python benchmarks/perf/ranking.py [--methods 20] [--repeats 10] [--seeds 1] [--resamples 2000]
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from numpy.typing import NDArray

from xdistill.stats import FoldPredictions, Method, Predictions, compare, gap_closed, summarise

SIZES, FOLDS, CLASSES, GOAL = (128, 93, 49), 5, ("M0", "M1", "M2"), 20.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--resamples", type=int, default=2000)
    chosen = parser.parse_args()
    methods = make_methods(chosen.methods, chosen.repeats, chosen.seeds)
    wall, processor = time.perf_counter(), time.process_time()
    for method in methods:
        for seed in method.seeds:
            summarise(seed)
    summarised = time.process_time()
    compare(methods, reference="method 0", resamples=chosen.resamples)
    compared = time.process_time()
    gap_closed(methods[1], methods[0], methods[2], resamples=chosen.resamples)
    end = time.process_time()
    print(
        f"{chosen.methods} methods x {chosen.repeats * FOLDS} splits x {sum(SIZES)} subjects, {chosen.seeds} seed(s), "
        f"{chosen.resamples} resamples, three metrics compared\n"
        f"  every metric of every fold {summarised - processor:6.2f} s of processor time\n"
        f"  tests and intervals        {compared - summarised:6.2f} s\n"
        f"  one share of the gap       {end - compared:6.2f} s\n"
        f"  together                   {end - processor:6.2f} s ({time.perf_counter() - wall:.2f} s on the clock), "
        f"goal at most {GOAL:g}"
    )


def make_methods(number: int, repeats: int, seeds: int) -> list[Method]:
    """Methods whose predictions share what a subject looks like and differ in noise."""
    generator = np.random.default_rng(0)
    target = np.repeat(np.arange(len(SIZES)), SIZES)
    looks = generator.normal(size=(len(target), len(SIZES))) + 0.8 * np.eye(len(SIZES))[target]
    table: dict[tuple[int, int], NDArray[np.int64]] = {}
    for repeat in range(repeats):
        order = np.concatenate([generator.permutation(np.flatnonzero(target == grade)) for grade in range(len(SIZES))])
        table |= {(repeat, fold): order[fold::FOLDS] for fold in range(FOLDS)}

    def predicted() -> Predictions:
        folds = []
        for (repeat, fold), rows in table.items():
            odds = np.exp(looks[rows] + 0.7 * generator.normal(size=(len(rows), len(SIZES))))
            probabilities = odds / odds.sum(axis=1, keepdims=True)
            folds.append(FoldPredictions("student", repeat, fold, tuple(map(str, rows)), target[rows], probabilities))
        return Predictions(CLASSES, tuple(folds))

    sizes = {key: len(target) - len(rows) for key, rows in table.items()}
    return [
        Method(f"method {index}", "cohort", "splits", sizes, tuple(predicted() for _ in range(seeds)))
        for index in range(number)
    ]


if __name__ == "__main__":
    main()
