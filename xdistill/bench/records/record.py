"""Records: a finished run as a small folder for a git repository; docs/formats/record.md describes it."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from xdistill.bench.records.facts import malformed, sum_of
from xdistill.bench.records.private import without_folders
from xdistill.bench.records.splits import BenchmarkSplits, rank_names
from xdistill.bench.records.versioned import read_versioned
from xdistill.errors import RunError, UserError
from xdistill.runs import Run
from xdistill.runs.files import make_folder, write_json, write_text
from xdistill.stats import FoldPredictions, Method, Predictions, read_predictions, summarise
from xdistill.stats.metrics import Summary
from xdistill.stats.predictions import FIXED
from xdistill.untrusted import safe_cell, to_cell

FORMAT = "xdistill-record"
FORMAT_VERSION = 1
FILE = "record.json"
PREDICTIONS = "predictions.csv"
DIGITS = 6  # significant digits of a probability


@dataclass(frozen=True)
class Record:
    """One run of one entry, by rank.

    Attributes:
        entry: whose run it is.
        seed: of the run.
        facts: what `record.json` holds.
        predictions: rounded, subjects by rank.
        splits: of the benchmark.
        report: the run's own report; None for a record, which has none.
        said: what others say of it, such as that they replayed it; see `xdistill.bench.records.attest`.
    """

    entry: str
    seed: int
    facts: Mapping[str, Any]
    predictions: Predictions
    splits: BenchmarkSplits
    report: Path | None = None
    said: tuple[str, ...] = ()


def record_of_run(run: Run, entry: str, splits: BenchmarkSplits, *, by_ids: bool = False) -> Record:
    """The record of a finished run; nothing is written.

    Args:
        run: the run.
        entry: whose run it is.
        splits: of this run, see `splits_of_run`.
        by_ids: write the subjects' ids, which the splits have to hold.
    """
    predictions = _by_rank(run.predictions, splits)
    facts: dict[str, Any] = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "entry": entry,
        "seed": int(run.record["recipe"]["seed"]),
        "run": str(run.record["id"]),
        "status": str(run.record["status"]),
        "subjects": "ids" if by_ids else "ranks",
        "predictions_sha256": digest(predictions_text(predictions, splits.ids if by_ids else splits.subjects)),
        "splits_sha256": splits.hash,
        "scores": claimed(predictions),
        "cohort": without_folders(run.record["cohort"]),
        "split_hash": splits.split_hash,
        "networks": {role: facts for role, facts in run.record["networks"].items() if facts},
        "privileged": list(run.record["privileged"]),
        "versions": dict(run.record["versions"]),
        "machine": dict(run.record["machine"]),
        "seconds": dict(run.record["seconds"]),
        "created": run.record["created"],
        "finished": run.record["finished"],
        "profile": run.record.get("profile") or "",
        "recipe": without_folders(run.record["recipe"]),
        **({"tuned": dict(run.record["tuned"])} if "tuned" in run.record else {}),
    }
    facts["sha256"] = sum_of(facts)
    return Record(entry, facts["seed"], facts, predictions, splits, run.folder.report)


def folder_name(entry: str, seed: int, seeds: int) -> str:
    """The folder of a record: the entry, and the seed where the benchmark has several."""
    return entry if seeds == 1 else f"{entry}.seed{seed}"


def write_record(folder: Path, record: Record) -> None:
    """Write a record into a new folder.

    Raises:
        RunError: when the folder cannot be written.
    """
    make_folder(folder)
    names = record.splits.ids if record.facts["subjects"] == "ids" else record.splits.subjects
    write_text(folder / PREDICTIONS, predictions_text(record.predictions, names))
    write_json(folder / FILE, record.facts)


def read_record(folder: Path, splits: BenchmarkSplits) -> Record:
    """Read a record; `xdistill.bench.records.verify` checks whether it is true.

    Raises:
        RunError: when it is none, of another format version, or cannot be read.
    """
    facts = read_facts(folder)
    path = folder / PREDICTIONS
    predictions = read_predictions(path)
    if facts["subjects"] == "ids":
        predictions = _renamed(path, predictions, splits)
    return Record(facts["entry"], facts["seed"], facts, predictions, splits)


def read_facts(folder: Path) -> dict[str, Any]:
    """What `record.json` holds.

    Raises:
        RunError: when it is not a record, or one of another format version.
    """
    path = folder / FILE
    facts = read_versioned(path, FORMAT, FORMAT_VERSION, otherwise="not a record of a benchmark")
    wrong = malformed(facts)
    if wrong:
        raise RunError(f"{path}: cannot be read as a record: {wrong}")
    return facts


def method(name: str, records: tuple[Record, ...], role: str) -> Method:
    """The records of an entry, one per seed, as a method to compare.

    Raises:
        UserError: when the seeds were not run on the same cohort and splits.
    """
    first = records[0]
    for record in records:
        if (record.splits.fingerprint, record.splits.split_hash) != (first.splits.fingerprint, first.splits.split_hash):
            raise UserError(
                f"{name!r}: the seeds {first.seed} and {record.seed} were run on different cohorts or splits"
            )
    return Method(
        name=name,
        fingerprint=first.splits.fingerprint,
        split_hash=first.splits.split_hash,
        train_sizes=first.splits.train_sizes,
        seeds=tuple(record.predictions for record in records),
        role=role,
    )


def over_seeds(records: tuple[Record, ...], role: str, metric: str) -> Summary:
    """A metric over splits, seeds averaged within a split."""
    from xdistill.stats import METRICS

    compute = METRICS[metric]
    table = [
        [
            compute(fold.target, fold.probabilities, record.predictions.task.names)
            for fold in record.predictions.of(role)
        ]
        for record in records
    ]
    return Summary.of(np.mean(table, axis=0).tolist())


def claimed(predictions: Predictions) -> dict[str, dict[str, dict[str, float]]]:
    """The scores that a record claims: ``{role: {metric: {mean, sd}}}``, from the rounded probabilities."""
    return {
        role: {name: {"mean": value.mean, "sd": value.sd} for name, value in metrics.items()}
        for role, metrics in summarise(predictions).items()
    }


def predictions_text(predictions: Predictions, names: Sequence[str]) -> str:
    """The file of predictions: as in a run's folder, but rounded, sorted, with plain line ends.

    Args:
        predictions: by rank.
        names: what the subjects are called in the file, by rank.
    """
    name_of = dict(zip(rank_names(len(names)), names, strict=True))
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([*FIXED, *predictions.task.columns])
    for role in predictions.roles():
        for fold in predictions.of(role):
            for subject, target, row in zip(fold.subjects, fold.target, fold.probabilities, strict=True):
                cells = [role, fold.repeat, fold.fold, to_cell(name_of[subject])]
                cells.append(safe_cell(predictions.task.target_text(target)))
                writer.writerow([*cells, *(_short(value) for value in row)])
    return stream.getvalue()


def digest(text: str) -> str:
    """SHA-256 (hexadecimal) of a text as UTF-8."""
    return sha256(text.encode()).hexdigest()


def _short(value: float) -> str:
    return f"{float(value):.{DIGITS}g}"


def _by_rank(predictions: Predictions, splits: BenchmarkSplits) -> Predictions:
    """Predictions with ranks for names, rows by rank, probabilities as they will be written."""
    ids = sorted({subject for fold in predictions.folds for subject in fold.subjects})
    name_of = dict(zip(ids, splits.subjects, strict=True))
    folds = []
    for fold in predictions.folds:
        order = np.argsort(np.array([name_of[subject] for subject in fold.subjects]))
        rounded = [[float(_short(value)) for value in fold.probabilities[row]] for row in order]
        folds.append(
            FoldPredictions(
                role=fold.role,
                repeat=fold.repeat,
                fold=fold.fold,
                subjects=tuple(name_of[fold.subjects[row]] for row in order),
                target=fold.target[order],
                probabilities=np.array(rounded),
            )
        )
    return Predictions(predictions.task, tuple(folds))


def _renamed(path: Path, predictions: Predictions, splits: BenchmarkSplits) -> Predictions:
    """Predictions by rank, of a record that kept the ids."""
    rank = dict(zip(splits.ids, splits.subjects, strict=False))
    folds = []
    for fold in predictions.folds:
        strange = sum(subject not in rank for subject in fold.subjects)
        if strange:
            raise RunError(
                f"{path}: {strange} subjects of {fold.role} r{fold.repeat}-f{fold.fold} are not in splits.json"
            )
        names = tuple(rank[subject] for subject in fold.subjects)
        folds.append(FoldPredictions(fold.role, fold.repeat, fold.fold, names, fold.target, fold.probabilities))
    return Predictions(predictions.task, tuple(folds))
