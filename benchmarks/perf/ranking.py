"""How long it takes to rank methods: every metric and test from per-subject predictions.

Twenty methods on 50 splits of 270 subjects, three metrics compared with 2000 resamples, by seconds of processor time.

OMP_NUM_THREADS=1 python benchmarks/perf/ranking.py [--quick]
"""

from __future__ import annotations

import time

import numpy as np
from common import Row, alone
from numpy.typing import NDArray

from xdistill.stats import FoldPredictions, Method, Predictions, compare, gap_closed, summarise

SIZES, FOLDS, CLASSES, RESAMPLES, GOAL = (128, 93, 49), 5, ("M0", "M1", "M2"), 2000, 20.0


def rows(quick: bool) -> list[Row]:
    methods = make_methods(20, 2 if quick else 10, seeds=1)
    begin = time.process_time()
    for method in methods:
        for seed in method.seeds:
            summarise(seed)
    summarised = time.process_time()
    compare(methods, reference="method 0", resamples=RESAMPLES)
    compared = time.process_time()
    gap_closed(methods[1], methods[0], methods[2], resamples=RESAMPLES)
    end = time.process_time()
    note = f"metrics {summarised - begin:.1f} s, tests {compared - summarised:.1f} s, a share {end - compared:.1f} s"
    what = f"ranking 20 methods, {len(methods[0].train_sizes)} splits of {sum(SIZES)} subjects"
    return [Row(what, "", (end - begin,), GOAL, unit=" s", note=note)]


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
    alone(rows, __doc__)
