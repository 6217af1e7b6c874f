"""Predictions: per-subject probabilities by role, repeat and fold. Everything else is computed from them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from xdistill.errors import RunError

FIXED = ("role", "repeat", "fold", "subject", "target")


@dataclass(frozen=True)
class FoldPredictions:
    """Predictions of one network for the test subjects of one fold.

    Attributes:
        role: ``student`` or ``teacher``.
        repeat: index of the repeat.
        fold: index of the fold.
        subjects: ids, in test order.
        target: class indices ``(subjects,)``.
        probabilities: ``(subjects, classes)``, rows sum to one.
    """

    role: str
    repeat: int
    fold: int
    subjects: tuple[str, ...]
    target: NDArray[np.int64]
    probabilities: NDArray[np.float64]


@dataclass(frozen=True)
class Predictions:
    """All predictions of a run.

    Attributes:
        classes: class names, in the order of the probabilities.
        folds: one entry a role, repeat and fold.
    """

    classes: tuple[str, ...]
    folds: tuple[FoldPredictions, ...]

    def roles(self) -> tuple[str, ...]:
        """The roles there are, the student first."""
        return tuple(sorted({fold.role for fold in self.folds}, key=lambda role: (role != "student", role)))

    def of(self, role: str) -> tuple[FoldPredictions, ...]:
        """The folds of one role, by repeat and fold."""
        return tuple(
            sorted((fold for fold in self.folds if fold.role == role), key=lambda fold: (fold.repeat, fold.fold))
        )

    def pooled(self, role: str) -> FoldPredictions:
        """All folds of one role one after the other, for pictures; not for a headline AUC."""
        folds = self.of(role)
        return FoldPredictions(
            role=role,
            repeat=-1,
            fold=-1,
            subjects=tuple(subject for fold in folds for subject in fold.subjects),
            target=np.concatenate([fold.target for fold in folds]),
            probabilities=np.concatenate([fold.probabilities for fold in folds]),
        )


def write_predictions(path: Path, predictions: Predictions) -> None:
    """Write ``role,repeat,fold,subject,target,p_<class>…``; floats are written so that they read back bit by bit."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*FIXED, *(f"p_{name}" for name in predictions.classes)])
        for fold in predictions.folds:
            for subject, target, row in zip(fold.subjects, fold.target, fold.probabilities, strict=True):
                writer.writerow(
                    [
                        fold.role,
                        fold.repeat,
                        fold.fold,
                        subject,
                        predictions.classes[int(target)],
                        *(repr(float(value)) for value in row),
                    ]
                )


def read_predictions(path: Path) -> Predictions:
    """Read what `write_predictions` wrote.

    Raises:
        RunError: naming the file and line, when it is something else.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RunError(f"{path}: cannot be read as predictions: {error}") from error
    if not rows or tuple(rows[0][: len(FIXED)]) != FIXED:
        raise RunError(f"{path}:1: no predictions: the header has to start with {','.join(FIXED)}")
    classes = tuple(name.removeprefix("p_") for name in rows[0][len(FIXED) :])
    return Predictions(classes, tuple(_folds(path, rows[1:], classes)))


def _folds(path: Path, rows: Iterable[Sequence[str]], classes: tuple[str, ...]) -> Iterator[FoldPredictions]:
    groups: dict[tuple[str, int, int], list[tuple[str, int, list[float]]]] = {}
    for line, row in enumerate(rows, start=2):
        try:
            role, repeat, fold, subject, target = row[: len(FIXED)]
            values = [float(value) for value in row[len(FIXED) :]]
            if len(values) != len(classes):
                raise ValueError(f"{len(values)} probabilities for {len(classes)} classes")  # noqa: TRY301 - one handler
            key = (role, int(repeat), int(fold))
            groups.setdefault(key, []).append((subject, classes.index(target), values))
        except ValueError as error:
            raise RunError(f"{path}:{line}: not a row of predictions: {error}") from error
    for key, members in groups.items():
        yield FoldPredictions(
            role=key[0],
            repeat=key[1],
            fold=key[2],
            subjects=tuple(member[0] for member in members),
            target=np.array([member[1] for member in members], dtype=np.int64),
            probabilities=np.array([member[2] for member in members], dtype=np.float64),
        )
