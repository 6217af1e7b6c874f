"""Run folders as `xdistill run` leaves them, made from generated predictions in a moment instead of by training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from xdistill.bench.load import Benchmark
from xdistill.bench.recipes import entry_recipe
from xdistill.bench.run_index import KnownRun, remember
from xdistill.data import make_splits
from xdistill.interfaces.component import choose
from xdistill.interfaces.dataset import Dataset
from xdistill.recipe.schema.crossval import Crossval
from xdistill.stats import FoldPredictions, Predictions, write_predictions

CLASSES = ("M0", "M1", "M2")
SUBJECTS = 30


def make_run(
    folder: Path,
    benchmark: Benchmark,
    entry: str,
    catalog: Any,
    *,
    signal: float = 1.0,
    teacher: float | None = None,
    seed: int = 0,
    fingerprint: str = "c0" * 32,
    a_patient: int = 1,
    split_seed: int | None = None,
    noise: int = 0,
    identity: str = "0a1b2c3d4e5f",
) -> Path:
    """A finished run of an entry.

    Args:
        folder: to write to.
        benchmark: whose entry it is.
        entry: its name.
        catalog: fills in the cohort's settings.
        signal: how much the student's probabilities say.
        teacher: how much the teacher's say; None: there is none.
        seed: of the run.
        fingerprint: of the cohort.
        a_patient: subjects a patient.
        split_seed: another seed of the splits than the benchmark's.
        noise: seed of the predictions.
        identity: of the run.
    """
    file = benchmark.file
    ids = tuple(f"Patient-{number:03d}" for number in range(SUBJECTS))
    patients = tuple(f"family-{number // a_patient}" for number in range(SUBJECTS))
    targets = np.arange(SUBJECTS) // a_patient % 3
    crossval = Crossval(**{**file.crossval.model_dump(), "seed": file.crossval.seed + (split_seed or 0)})
    splits = make_splits(ids, patients, targets, CLASSES, crossval, fingerprint)
    roles = {"student": signal} | ({} if teacher is None else {"teacher": teacher})
    generator = np.random.default_rng(noise)
    row_of = {subject: row for row, subject in enumerate(ids)}
    folds = []
    for role, strength in roles.items():
        for split in splits:
            rows = np.array([row_of[subject] for subject in split.test])
            odds = np.exp(strength * np.eye(3)[targets[rows]] + generator.normal(size=(len(rows), 3)))
            probabilities = odds / odds.sum(axis=1, keepdims=True)
            folds.append(FoldPredictions(role, split.repeat, split.fold, split.test, targets[rows], probabilities))
    folder.mkdir(parents=True)
    write_predictions(folder / "predictions.csv", Predictions(CLASSES, tuple(folds)))
    for split in splits:
        own = folder / "folds" / split.name
        own.mkdir(parents=True)
        (own / "fold.json").write_text(json.dumps({"repeat": split.repeat, "fold": split.fold}), encoding="utf-8")
        rows = tuple(fold for fold in folds if (fold.repeat, fold.fold) == (split.repeat, split.fold))
        write_predictions(own / "predictions.csv", Predictions(CLASSES, rows))
    written = splits.to_json() | ({} if a_patient == 1 else {"patients": dict(zip(ids, patients, strict=True))})
    (folder / "splits.json").write_text(json.dumps(written), encoding="utf-8")
    recipe = entry_recipe(benchmark, entry, seed).tree()
    recipe |= {"seed": seed, "data": choose(Dataset, recipe["data"], catalog).dump()}
    record = _record(recipe, splits, targets, patients=len(set(patients)), roles=roles, identity=identity)
    (folder / "record.json").write_text(json.dumps(record), encoding="utf-8")
    return folder


def make_known_run(runs: Path, benchmark: Benchmark, entry: str, catalog: Any, **options: Any) -> Path:
    """The same below a folder of runs, with the note that `bench run` leaves."""
    seed = options.get("seed", 0)
    folder = make_run(runs / "tests" / f"{entry}-{seed}", benchmark, entry, catalog, **options)
    remember(benchmark, runs, KnownRun(entry, seed, folder))
    return folder


def _record(recipe: Any, splits: Any, targets: Any, *, patients: int, roles: Any, identity: str) -> dict[str, Any]:
    counts = {name: int((targets == label).sum()) for label, name in enumerate(CLASSES)}
    return {
        "format": "xdistill-run",
        "format_version": 1,
        "id": identity,
        "status": "finished",
        "recipe": recipe,
        "profile": "",
        "cohort": {
            "fingerprint": splits.fingerprint,
            "key": "5e" * 32,
            "title": "Thirty made-up patients",
            "synthetic": True,
            "source": "",
            "bounds": {"image": 0.8},
            "subjects": len(targets),
            "patients": patients,
            "classes": list(CLASSES),
            "class_counts": counts,
            "modalities": {},
        },
        "networks": {role: {"inputs": ["hbp", "pre"], "parameters": 1234} for role in roles},
        "privileged": [],
        "split_hash": splits.hash,
        "versions": {"python": "3.11.9", "torch": "2.5.1", "xdistill": "0.1.0"},
        "machine": {"system": "Linux x86_64", "device": "cpu", "threads": 1},
        "created": "2025-01-02T03:04:05+00:00",
        "finished": "2025-01-02T03:08:11+00:00",
        "seconds": {
            "folds": {split.name: 2.0 for split in splits},
            "training": 2.0 * len(splits),
            "at_once": {split.name: 2 for split in splits},
            "reused": [],
        },
        "summary": {},
    }
