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
TOLERANCE = 1e-3  # by which the probabilities of a subject may miss a sum of one


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
            reader = csv.reader(file)
            lines = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RunError(f"{path}: cannot be read as predictions: {error}") from error
    classes = _classes(path, lines[0][1] if lines else ())
    if len(lines) < 2:  # noqa: PLR2004 - the header and one row
        raise RunError(f"{path}: there is no prediction below the header; the file was cut off")
    return Predictions(classes, tuple(_folds(path, lines[1:], classes)))


def _classes(path: Path, header: Sequence[str]) -> tuple[str, ...]:
    if tuple(header[: len(FIXED)]) != FIXED:
        raise RunError(f"{path}:1: no predictions: the header has to start with {','.join(FIXED)}")
    columns = header[len(FIXED) :]
    classes = tuple(name.removeprefix("p_") for name in columns)
    if len(classes) < 2 or len(set(classes)) < len(classes) or not all(name.startswith("p_") for name in columns):  # noqa: PLR2004
        raise RunError(f"{path}:1: no predictions: a column p_<class> is wanted for each of two or more classes")
    return classes


@dataclass(frozen=True)
class _Row:
    key: tuple[str, int, int]
    subject: str
    target: int
    probabilities: list[float]


def _row(cells: Sequence[str], classes: tuple[str, ...]) -> _Row:
    """One row.

    Raises:
        ValueError: saying what is wrong with it.
    """
    if len(cells) != len(FIXED) + len(classes):
        raise ValueError(f"{len(cells)} cells, and the header has {len(FIXED) + len(classes)}")
    role, repeat, fold, subject, target = cells[: len(FIXED)]
    if target not in classes:
        raise ValueError(f"the target {target!r} is none of the classes {', '.join(classes)}")
    probabilities = [float(value) for value in cells[len(FIXED) :]]
    total = sum(probabilities)
    # Comparisons with NaN are false.
    if not (all(value >= 0 for value in probabilities) and abs(total - 1) <= TOLERANCE):
        raise ValueError(f"the probabilities have to be from 0 to 1 and to sum to 1, and sum to {total:g}")
    return _Row((role, int(repeat), int(fold)), subject, classes.index(target), probabilities)


def _folds(
    path: Path, lines: Iterable[tuple[int, Sequence[str]]], classes: tuple[str, ...]
) -> Iterator[FoldPredictions]:
    groups: dict[tuple[str, int, int], dict[str, _Row]] = {}
    for line, cells in lines:
        try:
            row = _row(cells, classes)
            members = groups.setdefault(row.key, {})
            if row.subject in members:
                raise ValueError(f"the subject {row.subject!r} is predicted twice in this fold")  # noqa: TRY301 - one handler
        except ValueError as error:
            raise RunError(f"{path}:{line}: not a row of predictions: {error}") from error
        members[row.subject] = row
    for (role, repeat, fold), members in groups.items():
        yield FoldPredictions(
            role=role,
            repeat=repeat,
            fold=fold,
            subjects=tuple(members),
            target=np.array([row.target for row in members.values()], dtype=np.int64),
            probabilities=np.array([row.probabilities for row in members.values()], dtype=np.float64),
        )
