"""What is compared: methods with their predictions, laid side by side once nothing tells them apart but the method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xdistill.errors import UserError
from xdistill.stats.predictions import FoldPredictions, Predictions
from xdistill.tasks import Task

Key = tuple[int, int]  # repeat, fold


@dataclass(frozen=True)
class Method:
    """One entry of a comparison.

    Attributes:
        name: unique within the comparison.
        fingerprint: of the cohort.
        split_hash: of the split manifest.
        train_sizes: number of training subjects by (repeat, fold).
        seeds: predictions of the same recipe on the same splits, one per seed. Seeds are not replicates: whatever is
            computed is averaged over them within a split before anything is tested.
        role: whose predictions are compared, ``student`` or ``teacher``.
    """

    name: str
    fingerprint: str
    split_hash: str
    train_sizes: Mapping[Key, int]
    seeds: tuple[Predictions, ...]
    role: str = "student"


@dataclass(frozen=True)
class ScoredFold:
    """One test fold as all methods see it.

    Attributes:
        repeat: index of the repeat.
        fold: index of the fold within it.
        subjects: ids, in one order for all methods.
        target: of the task; for classification, class indices ``(subjects,)``.
        train_size: number of training subjects.
        probabilities: for each method ``(seeds, subjects, columns)``.
        strata: groups whose sizes resamples keep ``(subjects,)``; None: resamples are not stratified.
        names: `Task.names`, for metrics that need them.
    """

    repeat: int
    fold: int
    subjects: tuple[str, ...]
    target: NDArray[Any]
    train_size: int
    probabilities: tuple[NDArray[np.float64], ...]
    strata: NDArray[np.int64] | None
    names: tuple[str, ...] = ()


def align(methods: Sequence[Method]) -> tuple[ScoredFold, ...]:
    """The methods' predictions side by side, by repeat and fold.

    Raises:
        UserError: naming the two methods and what differs between them: cohort, splits, classes, folds, training
            sizes, subjects or targets; or the method whose predictions cannot be compared with anything.
    """
    if not methods:
        raise UserError("there is nothing to compare: name at least one method")
    _refuse_twice([method.name for method in methods])
    first = methods[0]
    for method in methods:
        _refuse_foreign(first, method)
    tables = [[_by_split(method, index) for index in range(len(method.seeds))] for method in methods]
    reference = tables[0][0]
    for method, seeds in zip(methods, tables, strict=True):
        for index, table in enumerate(seeds):
            _same_folds(first, reference, _called(method, index), table)
        if any(method.train_sizes.get(key) != first.train_sizes.get(key) for key in reference):
            raise UserError(_refusal(first, method.name, "they were trained on different numbers of subjects"))
    return tuple(_scored(first, methods, key, tables) for key in sorted(reference))


def _refuse_twice(names: Sequence[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise UserError(f"two methods of a comparison are called {name!r}: give one of them another name")
        seen.add(name)


def _refuse_foreign(first: Method, other: Method) -> None:
    if not other.seeds:
        raise UserError(f"{other.name!r} has no predictions to compare")
    for what, ours, theirs, remedy in (
        ("cohort fingerprint", first.fingerprint, other.fingerprint, "run both on the same cohort"),
        ("split hash", first.split_hash, other.split_hash, "run both on the same split manifest"),
    ):
        if ours != theirs:
            raise UserError(_refusal(first, other.name, f"their {what} differs ({ours[:12]}, {theirs[:12]}); {remedy}"))
    for seed in other.seeds:
        if seed.task != first.seeds[0].task:
            ours, theirs = first.seeds[0].task.describe(), seed.task.describe()
            raise UserError(_refusal(first, other.name, f"their tasks differ ({ours}; {theirs})"))


def _refusal(first: Method, other: str, reason: str) -> str:
    return f"{other!r} cannot be compared with {first.name!r}: {reason}"


def _called(method: Method, index: int) -> str:
    return method.name if len(method.seeds) == 1 else f"{method.name}, seed {index}"


def _by_split(method: Method, index: int) -> dict[Key, FoldPredictions]:
    predictions, name = method.seeds[index], _called(method, index)
    folds = predictions.of(method.role)
    if not folds:
        there = ", ".join(predictions.roles()) or "none"
        raise UserError(f"{name!r} has no predictions of its {method.role} (there are: {there})")
    table = {(fold.repeat, fold.fold): fold for fold in folds}
    if len(table) < len(folds):
        raise UserError(f"{name!r} holds a fold of its {method.role} more than once")
    for fold in folds:
        _check(fold, predictions.task, name)
    return table


def _check(fold: FoldPredictions, task: Task, name: str) -> None:
    where = f"{name!r}, repeat {fold.repeat}, fold {fold.fold}"
    if len(set(fold.subjects)) < len(fold.subjects):
        raise UserError(f"{where}: a subject is scored more than once")
    if fold.probabilities.shape != (len(fold.subjects), len(task.columns)):
        raise UserError(f"{where}: a row of {len(task.columns)} numbers is required for each subject")
    bad = ~np.isfinite(fold.probabilities).all(axis=1)
    if bad.any():
        raise UserError(f"{where}: the predictions for subject {fold.subjects[int(bad.argmax())]!r} are not finite")
    for group in task.absent(fold.target):
        raise UserError(f"{where}: {task.group} {group!r} has no subject; use fewer folds or merge {task.groups}")


def _same_folds(
    first: Method, reference: Mapping[Key, FoldPredictions], name: str, table: Mapping[Key, FoldPredictions]
) -> None:
    if table.keys() != reference.keys():
        repeat, fold = min(table.keys() ^ reference.keys())
        raise UserError(_refusal(first, name, f"only one of them has repeat {repeat}, fold {fold}"))
    for (repeat, fold), ours in reference.items():
        theirs, where = table[repeat, fold], f"in repeat {repeat}, fold {fold}"
        stray = set(ours.subjects) ^ set(theirs.subjects)
        if stray:
            raise UserError(_refusal(first, name, f"{where} only one of them scores subject {min(stray)!r}"))
        labels = dict(zip(ours.subjects, ours.target, strict=True))
        for subject, label in zip(theirs.subjects, theirs.target, strict=True):
            if not np.array_equal(labels[subject], label):
                raise UserError(_refusal(first, name, f"{where} the target of subject {subject!r} differs"))


def _scored(
    first: Method, methods: Sequence[Method], key: Key, tables: Sequence[Sequence[Mapping[Key, FoldPredictions]]]
) -> ScoredFold:
    model = tables[0][0][key]
    size, task = first.train_sizes.get(key, 0), methods[0].seeds[0].task
    if size < 1:
        raise UserError(f"{methods[0].name!r}: how many subjects trained repeat {key[0]}, fold {key[1]} is not known")
    return ScoredFold(
        repeat=key[0],
        fold=key[1],
        subjects=model.subjects,
        target=model.target,
        train_size=size,
        probabilities=tuple(np.stack([_in_order(seed[key], model.subjects) for seed in seeds]) for seeds in tables),
        strata=task.strata(model.target),
        names=task.names,
    )


def _in_order(fold: FoldPredictions, subjects: tuple[str, ...]) -> NDArray[np.float64]:
    if fold.subjects == subjects:
        return fold.probabilities
    row = {subject: index for index, subject in enumerate(fold.subjects)}
    return fold.probabilities[[row[subject] for subject in subjects]]
