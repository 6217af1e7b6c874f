"""A whole run folder from generated predictions with a real signal, for tests and for looking at the page.

PYTHONPATH=tests python -m report.toy_run FOLDER        writes a run there, and its report.html
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from xdistill.data import Split, Splits
from xdistill.runs import Run, fold_name, load_run
from xdistill.stats import FoldPredictions, Predictions, write_predictions

CLASSES = ("MVI 0", "MVI 1", "MVI 2")
STAGES = (("joint", ("focal:teacher", "focal:student", "class_kl", "feature_kl"), 20),)
OFFLINE = (
    ("alone", ("focal:teacher",), 8),
    ("distil", ("focal:student", "class_kl"), 12),
)


def make_run(
    path: Path,
    *,
    classes: Sequence[str] = CLASSES,
    folds: int = 5,
    repeats: int = 1,
    subjects: int = 180,
    teacher: bool = True,
    synthetic: bool = True,
    name: str = "toy/cmdnet",
    description: str = "Joint training of teacher and student",
    stages: Sequence[tuple[str, Sequence[str], int]] = STAGES,
    signal: float = 0.7,
    seed: int = 0,
    fingerprint: str = "5f" * 32,
    prefix: str = "subject",
) -> Run:
    """Write a finished run of generated predictions and read it back."""
    generator = np.random.default_rng(seed)
    target = np.arange(subjects) % len(classes)
    ids = tuple(f"{prefix}-{index:03d}" for index in range(subjects))
    roles = {"student": signal, "teacher": 1.6 * signal} if teacher else {"student": signal}
    scored = []
    for repeat in range(repeats):
        order = generator.permutation(subjects)
        fold_of = np.empty(subjects, dtype=int)
        fold_of[order[np.argsort(target[order], kind="stable")]] = np.arange(subjects) % folds
        for fold in range(folds):
            rows = np.flatnonzero(fold_of == fold)
            for role, strength in roles.items():
                logits = strength * np.eye(len(classes))[target[rows]] + generator.normal(
                    size=(len(rows), len(classes))
                )
                odds = np.exp(logits)
                chosen = tuple(ids[row] for row in rows)
                probabilities = odds / odds.sum(axis=1, keepdims=True)
                scored.append(FoldPredictions(role, repeat, fold, chosen, target[rows], probabilities))
            _write_history(path / "folds" / fold_name(repeat, fold), stages, generator)
    predictions = Predictions(tuple(classes), tuple(scored))
    write_all_predictions(path, predictions)
    splits = _splits(predictions, fingerprint)
    (path / "splits.json").write_text(json.dumps(splits.to_json()), encoding="utf-8")
    record = _record(classes, folds, repeats, target, teacher=teacher, synthetic=synthetic, stages=stages)
    record["split_hash"] = splits.hash
    record["cohort"]["fingerprint"] = fingerprint
    record["recipe"] |= {"name": name, "description": description}
    (path / "record.json").write_text(json.dumps(record), encoding="utf-8")
    return load_run(path)


def write_all_predictions(path: Path, predictions: Predictions) -> None:
    """Write predictions as a run and its folds do."""
    write_predictions(path / "predictions.csv", predictions)
    for split in predictions.of("student"):
        own = tuple(fold for fold in predictions.folds if (fold.repeat, fold.fold) == (split.repeat, split.fold))
        folder = path / "folds" / fold_name(split.repeat, split.fold)
        folder.mkdir(parents=True, exist_ok=True)
        write_predictions(folder / "predictions.csv", Predictions(predictions.task, own))
        facts = {"repeat": split.repeat, "fold": split.fold, "seconds": 48.3, "parameters": {}}
        (folder / "fold.json").write_text(json.dumps(facts), encoding="utf-8")


def _splits(predictions: Predictions, fingerprint: str) -> Splits:
    """Those who are not tested in a fold are trained on."""
    everyone = sorted(predictions.pooled("student").subjects)
    return Splits(
        tuple(
            Split(
                fold.repeat,
                fold.fold,
                tuple(name for name in dict.fromkeys(everyone) if name not in fold.subjects),
                (),
                fold.subjects,
            )
            for fold in predictions.of("student")
        ),
        fingerprint,
    )


def _write_history(
    folder: Path, stages: Sequence[tuple[str, Sequence[str], int]], generator: np.random.Generator
) -> None:
    folder.mkdir(parents=True)
    terms = list(dict.fromkeys(term for _, present, _ in stages for term in present))
    with (folder / "history.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["stage", "epoch", "seconds", "lr", "total", *terms])
        writer.writeheader()
        for stage, present, epochs in stages:
            for epoch in range(1, epochs + 1):
                values = {
                    term: (0.3 + np.exp(-epoch / 6)) * (1 + place / 3) * generator.uniform(0.9, 1.1)
                    for place, term in enumerate(present)
                }
                writer.writerow(
                    {"stage": stage, "epoch": epoch, "seconds": 1.5, "lr": 1e-3, "total": sum(values.values())} | values
                )


def _record(
    classes: Sequence[str],
    folds: int,
    repeats: int,
    target: np.ndarray,
    *,
    teacher: bool,
    synthetic: bool,
    stages: Sequence[tuple[str, Sequence[str], int]],
) -> dict:
    names = [fold_name(repeat, fold) for repeat in range(repeats) for fold in range(folds)]
    return {
        "format": "xdistill-run",
        "format_version": 1,
        "id": "0a1b2c3d4e5f",
        "status": "finished",
        "recipe": {
            "data": {"use": "hcc_phantom", "subjects": len(target), "shape": [12, 24, 24]},
            "teacher": {"use": "multibranch"} if teacher else None,
            "student": {
                "use": "multibranch",
                "branches": {name: {"use": "mri_only", "inputs": [name]} for name in ("hbp", "pre")},
            },
            "stages": [{"name": stage, "epochs": epochs} for stage, _, epochs in stages],
            "crossval": {"folds": folds, "repeats": repeats},
        },
        "profile": None,
        "cohort": {
            "key": "0c" * 32,
            "title": "Phantom of hepatocellular carcinoma, calibrated effects",
            "synthetic": synthetic,
            "source": "generated; no licence needed",
            "bounds": {"image": 0.81, "image and clinical items": 0.93} if synthetic else {},
            "subjects": len(target),
            "patients": len(target),
            "classes": list(classes),
            "class_counts": {name: int((target == index).sum()) for index, name in enumerate(classes)},
            "modalities": {
                "hbp": {"kind": "volume", "shape": [1, 12, 24, 24]},
                "pre": {"kind": "volume", "shape": [1, 12, 24, 24]},
                "clinical": {"kind": "vector", "shape": [52]},
            },
        },
        "networks": {
            "student": {"inputs": ["hbp", "pre"], "parameters": 312_455},
            "teacher": {"inputs": ["hbp", "pre", "clinical"], "parameters": 581_209} if teacher else None,
        },
        "privileged": ["clinical"] if teacher else [],
        "split_hash": "a9" * 32,
        "versions": {"python": "3.11.9", "torch": "2.5.1", "xdistill": "0.1.0"},
        "machine": {"system": "Linux 6.1", "processor": "x86_64, 2 cores", "device": "cpu", "threads": 1},
        "created": "2025-01-02T03:04:05+00:00",
        "finished": "2025-01-02T03:08:11+00:00",
        "seconds": {"folds": dict.fromkeys(names, 48.3), "training": 48.3 * len(names)},
        "summary": {},
    }


if __name__ == "__main__":
    from report.toy_cohort import make_cohort
    from xdistill.report import write_report

    folder = Path(sys.argv[1])
    cohort = make_cohort(folder / "cache", absent=tuple(range(10)))
    run = make_run(folder / "run", fingerprint=cohort.fingerprint)
    sys.stdout.write(f"{write_report(run, cohort=cohort)}\n")
