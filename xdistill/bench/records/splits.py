"""The splits of a benchmark, once for all of its records, without the subjects' ids.

A subject is its rank in the sorted order of all test subjects, so that records made by different people fit together.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import Any, Final

from xdistill.tasks import Target, Task

FORMAT: Final = "xdistill-benchmark-splits"
FORMAT_VERSION: Final = 1


@dataclass(frozen=True)
class Tested:
    """One fold.

    Attributes:
        repeat: counts from 0.
        fold: counts from 0 within the repeat.
        train: number of training subjects.
        validation: number of subjects held out to choose the epoch by.
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
        task: what is predicted.
        targets: by rank; for classification, class indices.
        patients: number of the patient by rank; subjects of one patient share it.
        folds: repeat by repeat, fold by fold.
        ids: subject ids by rank, if they are kept; not compared.
    """

    fingerprint: str
    split_hash: str
    task: Task
    targets: tuple[Target, ...]
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
        """The file: JSON with one line per fold, for readable diffs."""
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
            **self.task.entries(),
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
