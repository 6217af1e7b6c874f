"""Predictions: per-subject probabilities by role, repeat and fold. Everything else is computed from them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xdistill.errors import RunError
from xdistill.tasks import Classification, Target, Task, as_task
from xdistill.untrusted import TABLE, from_cell, read_text, safe_cell, to_cell

FIXED = ("role", "repeat", "fold", "subject", "target")


@dataclass(frozen=True)
class FoldPredictions:
    """Predictions of one network for the test subjects of one fold.

    Attributes:
        role: ``student`` or ``teacher``.
        repeat: index of the repeat.
        fold: index of the fold.
        subjects: ids, in test order.
        target: of the task; for classification, class indices ``(subjects,)``.
        probabilities: predictions of the task ``(subjects, columns)``; for classification, rows sum to one.
    """

    role: str
    repeat: int
    fold: int
    subjects: tuple[str, ...]
    target: NDArray[Any]
    probabilities: NDArray[np.float64]


@dataclass(frozen=True, init=False)
class Predictions:
    """All predictions of a run.

    Args:
        task: what is predicted; class names, in the order of the probabilities, stand for classification.
        folds: one entry per role, repeat and fold.
    """

    task: Task
    folds: tuple[FoldPredictions, ...]

    def __init__(self, task: Task | Sequence[str], folds: tuple[FoldPredictions, ...]) -> None:
        object.__setattr__(self, "task", as_task(task))
        object.__setattr__(self, "folds", folds)

    @property
    def classes(self) -> tuple[str, ...]:
        """What metrics get as their third argument: the class names, for other tasks what `Task.names` says."""
        return self.task.names

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
    """Write ``role,repeat,fold,subject,target,p_<class>…``; floats are written so that they read back bit for bit."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*FIXED, *predictions.task.columns])
        for fold in predictions.folds:
            for subject, target, row in zip(fold.subjects, fold.target, fold.probabilities, strict=True):
                writer.writerow(
                    [
                        fold.role,
                        fold.repeat,
                        fold.fold,
                        to_cell(subject),
                        safe_cell(predictions.task.target_text(target)),
                        *(repr(float(value)) for value in row),
                    ]
                )


def read_predictions(path: Path, task: Task | None = None) -> Predictions:
    """Read what `write_predictions` wrote.

    Args:
        path: the file.
        task: what is predicted; None for a classification whose classes the header names.

    Raises:
        RunError: naming the file and line, when it is something else.
    """
    try:
        reader = csv.reader(io.StringIO(read_text(path, TABLE, error=RunError), newline=""))
        lines = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise RunError(f"{path}: cannot be read as predictions: {error}") from error
    task = _task(path, lines[0][1] if lines else (), task)
    if len(lines) < 2:  # noqa: PLR2004 - the header and one row
        raise RunError(f"{path}: there is no prediction below the header; the file was cut off")
    return Predictions(task, tuple(_folds(path, lines[1:], task)))


def _task(path: Path, header: Sequence[str], task: Task | None) -> Task:
    """The task, once the header fits it."""
    if tuple(header[: len(FIXED)]) != FIXED:
        raise RunError(f"{path}:1: no predictions: the header must start with {','.join(FIXED)}")
    columns = tuple(header[len(FIXED) :])
    try:
        task = Classification.from_columns(columns) if task is None else task
    except ValueError as error:
        raise RunError(f"{path}:1: no predictions: {error}") from error
    if columns != task.columns:
        raise RunError(f"{path}:1: no predictions of this task: the columns must be {','.join(task.columns)}")
    return task


@dataclass(frozen=True)
class _Row:
    key: tuple[str, int, int]
    subject: str
    target: Target
    probabilities: list[float]


def _row(cells: Sequence[str], task: Task) -> _Row:
    """One row.

    Raises:
        ValueError: saying what is wrong with it.
    """
    if len(cells) != len(FIXED) + len(task.columns):
        raise ValueError(f"{len(cells)} cells, but the header has {len(FIXED) + len(task.columns)}")
    role, repeat, fold, subject, target = cells[: len(FIXED)]
    value = task.parse_target(from_cell(target))
    probabilities = [float(cell) for cell in cells[len(FIXED) :]]
    problem = task.prediction_problem(probabilities)
    if problem:
        raise ValueError(problem)
    return _Row((role, int(repeat), int(fold)), from_cell(subject), value, probabilities)


def _folds(path: Path, lines: Iterable[tuple[int, Sequence[str]]], task: Task) -> Iterator[FoldPredictions]:
    groups: dict[tuple[str, int, int], dict[str, _Row]] = {}
    for line, cells in lines:
        try:
            row = _row(cells, task)
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
            target=task.as_targets([row.target for row in members.values()]),
            probabilities=np.array([row.probabilities for row in members.values()], dtype=np.float64),
        )
