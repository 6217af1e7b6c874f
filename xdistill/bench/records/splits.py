"""Who is tested in which fold of a benchmark, once for all of its records, and without naming anybody.

A subject is its rank in the sorted order of all test subjects, so that records made by different people fit together.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

from xdistill.bench.records.contradictions import contradictions
from xdistill.bench.records.versioned import read_versioned
from xdistill.errors import RunError
from xdistill.runs import Run
from xdistill.runs.files import read_json, write_text

FORMAT = "xdistill-benchmark-splits"
FORMAT_VERSION = 1
FILE = "splits.json"


@dataclass(frozen=True)
class Tested:
    """One fold.

    Attributes:
        repeat: counts from 0.
        fold: counts from 0 within the repeat.
        train: number of training subjects.
        validation: number of subjects kept aside to choose the epoch by.
        test: ranks of the subjects that are scored, ascending.
    """

    repeat: int
    fold: int
    train: int
    validation: int
    test: tuple[int, ...]

    @property
    def name(self) -> str:
        """Such as ``r0-f3``."""
        return f"r{self.repeat}-f{self.fold}"


@dataclass(frozen=True)
class BenchmarkSplits:
    """The folds of a benchmark.

    Attributes:
        fingerprint: of the cohort.
        split_hash: of the run's splits, subject ids included.
        classes: names, in the order of the probabilities.
        targets: class index by rank.
        patients: number of the patient by rank; subjects of one patient share it.
        folds: repeat by repeat, fold by fold.
        ids: subject ids by rank, where somebody asked to keep them; decides nothing.
    """

    fingerprint: str
    split_hash: str
    classes: tuple[str, ...]
    targets: tuple[int, ...]
    patients: tuple[int, ...]
    folds: tuple[Tested, ...]
    ids: tuple[str, ...] = field(default=(), compare=False)

    @property
    def subjects(self) -> tuple[str, ...]:
        """What the subjects are called, by rank: ``000``, ``001`` and so on."""
        return rank_names(len(self.targets))

    @property
    def train_sizes(self) -> dict[tuple[int, int], int]:
        """Number of training subjects by repeat and fold."""
        return {(fold.repeat, fold.fold): fold.train for fold in self.folds}

    @property
    def patient_of(self) -> dict[str, str]:
        """Patient by subject."""
        return {name: str(patient) for name, patient in zip(self.subjects, self.patients, strict=True)}

    @cached_property
    def hash(self) -> str:
        """SHA-256 of everything but the ids."""
        return sha256(json.dumps(self._content(), sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    def to_text(self) -> str:
        """The file: JSON with a line a fold, so that a change is seen where it is made."""
        head = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            **{name: value for name, value in self._content().items() if name != "splits"},
            "hash": self.hash,
        }
        if self.ids:
            head["ids"] = list(self.ids)
        lines = [f"  {json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}" for name, value in head.items()]
        folds = ",\n".join(f"    {json.dumps(fold)}" for fold in self._content()["splits"])
        return "{\n" + ",\n".join([*lines, f'  "splits": [\n{folds}\n  ]']) + "\n}\n"

    def _content(self) -> dict[str, Any]:
        return {
            "cohort": self.fingerprint,
            "split_hash": self.split_hash,
            "classes": list(self.classes),
            "targets": list(self.targets),
            "patients": list(self.patients),
            "splits": [
                {
                    "repeat": fold.repeat,
                    "fold": fold.fold,
                    "train": fold.train,
                    "validation": fold.validation,
                    "test": list(fold.test),
                }
                for fold in self.folds
            ],
        }


def rank_names(count: int) -> tuple[str, ...]:
    """``000``, ``001``… of one length, so that their alphabetical order is that of the numbers."""
    width = len(str(max(0, count - 1)))
    return tuple(f"{rank:0{width}d}" for rank in range(count))


def splits_of_run(run: Run, *, keep_ids: bool = False) -> BenchmarkSplits:
    """The splits of a finished run, by rank; of the cohort nothing is needed.

    Raises:
        RunError: when the run's files contradict each other.
    """
    from xdistill.data import Splits

    raw = read_json(run.folder.splits)
    try:
        splits = Splits.from_json(raw)
    except RunError as error:
        raise RunError(f"{run.folder.splits}: {error}") from error
    fingerprint = str(run.record["cohort"]["fingerprint"])
    for what, ours, theirs in (
        ("cohort", splits.fingerprint, fingerprint),
        ("splits", splits.hash, str(run.record["split_hash"])),
    ):
        if ours != theirs:
            raise RunError(f"{run.folder.splits}: it belongs to other {what} than {run.folder.record.name} beside it")
    ids = tuple(sorted({subject for split in splits for subject in split.test}))
    rank = {subject: index for index, subject in enumerate(ids)}
    return BenchmarkSplits(
        fingerprint=fingerprint,
        split_hash=splits.hash,
        classes=run.classes,
        targets=_targets(run, ids),
        patients=_patients(run, raw.get("patients"), ids),
        folds=tuple(
            Tested(
                split.repeat,
                split.fold,
                len(split.train),
                len(split.validation),
                tuple(sorted(rank[subject] for subject in split.test)),
            )
            for split in splits
        ),
        ids=ids if keep_ids else (),
    )


def _targets(run: Run, ids: Sequence[str]) -> tuple[int, ...]:
    target: dict[str, int] = {}
    for fold in run.predictions.folds:
        for subject, label in zip(fold.subjects, fold.target.tolist(), strict=True):
            if target.setdefault(subject, label) != label:
                raise RunError(f"{run.folder.predictions}: a subject has two targets, in {fold.role} r{fold.repeat}")
    strangers = set(target) ^ set(ids)
    if strangers:
        raise RunError(
            f"{run.folder.predictions}: {len(strangers)} subjects are only there or only in {run.folder.splits.name}"
        )
    return tuple(target[subject] for subject in ids)


def _patients(run: Run, known: Any, ids: Sequence[str]) -> tuple[int, ...]:
    """Patients by rank, numbered as they come."""
    if known is None:
        if int(run.record["cohort"]["patients"]) != len(ids):
            raise RunError(
                f"{run.folder.splits}: several subjects are of one patient, and the file does not say which; run the "
                f"recipe again with this xdistill"
            )
        return tuple(range(len(ids)))
    if not isinstance(known, Mapping) or set(known) != set(ids):
        raise RunError(f"{run.folder.splits}: `patients` has to name the patient of every subject")
    number: dict[str, int] = {}
    return tuple(number.setdefault(str(known[subject]), len(number)) for subject in ids)


def write_splits(folder: Path, splits: BenchmarkSplits) -> None:
    """Write the file of a folder of records, whole or not at all."""
    write_text(folder / FILE, splits.to_text())


def read_splits(folder: Path) -> BenchmarkSplits:
    """Read the file of a folder of records.

    Raises:
        RunError: when it is missing, something else, of another format version, or was changed.
    """
    path = folder / FILE
    data = read_versioned(path, FORMAT, FORMAT_VERSION, otherwise="these are no splits of a benchmark")
    try:
        splits = BenchmarkSplits(
            fingerprint=str(data["cohort"]),
            split_hash=str(data["split_hash"]),
            classes=tuple(map(str, data["classes"])),
            targets=tuple(map(int, data["targets"])),
            patients=tuple(map(int, data["patients"])),
            folds=tuple(_fold(fold) for fold in data["splits"]),
            ids=tuple(map(str, data.get("ids", ()))),
        )
        written = data["hash"]
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"{path}: cannot be read as splits: {type(error).__name__}: {error}") from error
    if splits.hash != written:
        raise RunError(
            f"{path}: the splits were changed since they were written (their hash differs); restore the file"
        )
    wrong = next(contradictions(splits), None)
    if wrong:
        raise RunError(f"{path}: {wrong}")
    return splits


def _fold(data: Mapping[str, Any]) -> Tested:
    return Tested(
        repeat=int(data["repeat"]),
        fold=int(data["fold"]),
        train=int(data["train"]),
        validation=int(data["validation"]),
        test=tuple(map(int, data["test"])),
    )
