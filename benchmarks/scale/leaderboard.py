"""A leaderboard of many runs: reading and checking its records, ranking, and writing it out, at three sizes.

    python benchmarks/scale/leaderboard.py [--sizes 100,1000,10000] [--folder DIR]

Records are made by this script from random predictions of 60 subjects in five folds; ten seeds an entry. They are true
ones: everything in them is computed anew when they are read. Each step runs in a process of its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from measuring import main

from xdistill.bench.export import render
from xdistill.bench.load import Benchmark, load_benchmark
from xdistill.bench.records.record import FILE, Record, claimed, digest, folder_name, predictions_text, write_record
from xdistill.bench.records.splits import BenchmarkSplits, Tested
from xdistill.bench.records.splits_file import write_splits
from xdistill.bench.records.verify import read_records
from xdistill.bench.table import standings
from xdistill.stats import FoldPredictions, Predictions
from xdistill.tasks import Classification

SEEDS, SUBJECTS, FOLDS, CLASSES = 10, 60, 5, ("M0", "M1", "M2")
BENCHMARKS = Path(__file__).parents[1]
TEMPLATE = BENCHMARKS / "records" / "mvi_hcc" / "s_pre_hbp" / FILE


def built(folder: Path, runs: int) -> Path:
    """The benchmark file with its records; made where they are not there."""
    file = folder / f"many_{runs}.yaml"
    if file.exists():
        return file
    entries = [f"e{entry:05d}" for entry in range(runs // SEEDS)]
    text = _head(file.stem) + "".join(f"  - {{name: {name}, recipe: ablations/s_pre_hbp}}\n" for name in entries)
    splits = _splits()
    to = folder / "records" / file.stem
    to.mkdir(parents=True)
    write_splits(to, splits)
    facts = json.loads(TEMPLATE.read_text(encoding="utf-8"))
    for entry in entries:
        for seed in range(SEEDS):
            write_record(to / folder_name(entry, seed, SEEDS), _record(entry, seed, splits, facts))
    file.write_text(text, encoding="utf-8")
    return file


def _head(name: str) -> str:
    return (
        f"format: xdistill-benchmark\nversion: 1\nname: {name}\n"
        "data: {use: hcc_phantom, subjects: 270, effect: calibrated, shape: [12, 24, 24], seed: 0}\n"
        f"crossval: {{folds: {FOLDS}, repeats: 1, seed: 0}}\nseeds: {list(range(SEEDS))}\n"
        "reference: e00000\nprimary: auc_ovo\nmetrics: [auc_ovo, accuracy]\nentries:\n"
    )


def _splits() -> BenchmarkSplits:
    ranks = np.arange(SUBJECTS)
    tested = [tuple(ranks[ranks // len(CLASSES) % FOLDS == fold].tolist()) for fold in range(FOLDS)]
    return BenchmarkSplits(
        fingerprint="0" * 64,
        split_hash="1" * 64,
        task=Classification(CLASSES),
        targets=tuple((ranks % len(CLASSES)).tolist()),
        patients=tuple(ranks.tolist()),
        folds=tuple(Tested(0, fold, SUBJECTS - len(test), 0, test) for fold, test in enumerate(tested)),
    )


def _record(entry: str, seed: int, splits: BenchmarkSplits, template: dict[str, Any]) -> Record:
    """A true record of random predictions; entries differ in how much theirs tell."""
    generator = np.random.default_rng([int(entry[1:]), seed])
    skill = 2 * np.random.default_rng(int(entry[1:])).random()
    folds = []
    for fold in splits.folds:
        target = np.array([splits.targets[rank] for rank in fold.test])
        odds = np.exp(generator.normal(size=(len(target), len(CLASSES))) + skill * np.eye(len(CLASSES))[target])
        rounded = [[float(f"{value:.6g}") for value in row] for row in odds / odds.sum(axis=1, keepdims=True)]
        names = tuple(splits.subjects[rank] for rank in fold.test)
        folds.append(FoldPredictions("student", 0, fold.fold, names, target, np.array(rounded)))
    predictions = Predictions(CLASSES, tuple(folds))
    counts = {name: splits.targets.count(label) for label, name in enumerate(CLASSES)}
    cohort = {"fingerprint": splits.fingerprint, "class_counts": counts, "subjects": SUBJECTS, "patients": SUBJECTS}
    crossval = {**template["recipe"]["crossval"], "folds": FOLDS, "repeats": 1}
    facts = {
        **template,
        "entry": entry,
        "seed": seed,
        "run": f"{int(entry[1:]) * SEEDS + seed:012x}",
        "predictions_sha256": digest(predictions_text(predictions, splits.subjects)),
        "splits_sha256": splits.hash,
        "split_hash": splits.split_hash,
        "scores": claimed(predictions),
        "cohort": {**template["cohort"], **cohort},
        "recipe": {**template["recipe"], "seed": seed, "crossval": crossval},
    }
    return Record(entry, seed, facts, predictions, splits)


def rank(benchmark: Benchmark, records: tuple[Record, ...]) -> Any:
    return standings(benchmark, records)


STEPS = ("write records", "load the benchmark file", "read and check records", "rank", "export md", "export html")


def step_of(name: str, folder: Path, size: int) -> Callable[[], object]:
    """A step with everything before it done."""
    if name == STEPS[0]:
        return lambda: built(folder, size)
    file = built(folder, size)
    if name == STEPS[1]:
        return lambda: load_benchmark(file)
    benchmark = load_benchmark(file)
    if name == STEPS[2]:
        return lambda: read_records(benchmark)
    records = tuple(_unchecked(benchmark))  # checked by the step before
    if name == STEPS[3]:
        return lambda: rank(benchmark, records)
    table = rank(benchmark, records)
    return lambda: render(table, "md" if name.endswith("md") else "html")


def _unchecked(benchmark: Benchmark) -> list[Record]:
    from xdistill.bench.records.record import read_record
    from xdistill.bench.records.splits_file import read_splits
    from xdistill.bench.records.verify import record_folders

    splits = read_splits(benchmark.records)
    return [read_record(place, splits) for place in record_folders(benchmark.records)]


if __name__ == "__main__":
    main(__file__, __doc__, "runs", "100,1000,10000", steps=tuple(STEPS), step_of=step_of)
