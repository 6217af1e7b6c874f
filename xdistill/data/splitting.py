"""Makes splits: repeated, stratified, with all subjects of a patient in the same part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xdistill.data.folds.given import Columns, GivenFold, given_folds
from xdistill.data.folds.hold_out import hold_out, seed_of
from xdistill.data.splits import Split, Splits, check_splits
from xdistill.errors import DataError
from xdistill.extras import scikit_learn
from xdistill.recipe.schema.crossval import Crossval
from xdistill.tasks import Target, Task, as_task
from xdistill.untrusted import normal_id

_Rows = NDArray[np.int64]
_Targets = NDArray[Any]


def make_splits(  # noqa: PLR0917  # the columns of a cohort, in its order
    subjects: Sequence[str],
    patients: Sequence[str],
    targets: Sequence[Target] | _Targets,
    task: Task | Sequence[str],
    crossval: Crossval,
    fingerprint: str,
    official_test: Sequence[str] | None = None,
    *,
    complete: NDArray[np.bool_] | None = None,
    labelled: NDArray[np.bool_] | None = None,
    columns: Columns | None = None,
) -> Splits:
    """Split a cohort; the same arguments give the same splits.

    Every subject is tested exactly once per repeat, or belongs to one part of a split that is given. All subjects of a
    patient are in the same part, whatever their targets.

    Subjects without a label change nothing for the others. They are in the training part of every fold in which no
    subject of their patient is validated or tested, unless a given split puts them elsewhere; then they are in no part.

    Args:
        subjects: ids, in the order of the cohort.
        patients: one per subject.
        targets: of the task, one per subject.
        task: what is predicted; names of classes stand for classification.
        crossval: folds, repeats, stratification, seed, and the fraction for validation.
        fingerprint: of the cohort.
        official_test: subjects of the official test part, for recipes that use the official split.
        complete: which subjects have every modality, ``(subjects,)``; stratified folds get equal shares of these too.
            None: all.
        labelled: which subjects have a label, ``(subjects,)``; the targets of the others are not read. None: all.
        columns: texts of the columns that the cohort keeps, one per subject, for splits by one of them.

    Raises:
        DataError: for a class with too few patients or missing from a part of a fold, and if the recipe uses an
            official or given split that the data do not have.
        LeakError: for a patient in both parts of a split that is given.
    """
    task = as_task(task)
    values = task.as_targets(targets)
    known = np.ones(len(values), dtype=bool) if labelled is None else labelled
    rows = np.flatnonzero(known)
    if not crossval.given:
        _check_counts([patients[row] for row in rows.tolist()], values[rows], task, crossval.folds)
    labels = _labels(values, known, task) if crossval.stratify else None
    complete = None if complete is None else complete[rows]
    strata = None if labels is None else _strata(labels[rows], complete, crossval.folds)
    splits: list[Split] = []
    for repeat in range(crossval.repeats):
        if crossval.given:
            folds = _given(subjects, patients, crossval, official_test, columns or {}, known=known)
        else:
            found = _folds(np.asarray(patients)[rows], strata, crossval, repeat)
            others = np.flatnonzero(~known)
            folds = [GivenFold("", np.append(rows[learning], others), None, rows[test]) for learning, test in found]
        for fold, everyone in enumerate(folds):
            given = everyone.only(known)
            where = given.name or f"repeat {repeat}, fold {fold}"
            train, validation = given.learning, given.validation
            if validation is None:
                train, validation = hold_out(np.asarray(patients), labels, train, crossval, f"{repeat}/{fold}")
            _check_part(values[given.test], task, f"the test part of {where}", crossval)
            _check_part(values[train], task, f"the training part of {where}", crossval)
            if len(validation):
                _check_part(values[validation], task, f"the validation part of {where}", crossval)
            train = _with_unlabelled(train, everyone.learning, np.append(validation, given.test), patients, known)
            parts = [tuple(subjects[row] for row in part) for part in (train, validation, given.test)]
            splits.append(Split(repeat, fold, *parts))
    made = Splits(tuple(splits), fingerprint)
    without = [subjects[row] for row in np.flatnonzero(~known).tolist()]
    check_splits(made, subjects, patients, unlabelled=without, all_tested=crossval.tests_all)
    return made


def _labels(values: _Targets, known: NDArray[np.bool_], task: Task) -> _Rows | None:
    """The strata of the labelled subjects in the rows of all, -1 for the others; None if there are none."""
    strata = task.strata(values[known])
    if strata is None:
        return None
    labels = np.full(len(values), -1, dtype=np.int64)
    labels[known] = strata
    return labels


def _with_unlabelled(
    train: _Rows, learning: _Rows, unseen: _Rows, patients: Sequence[str], known: NDArray[np.bool_]
) -> _Rows:
    """The training rows with those subjects without a label of whose patients nothing is validated or tested."""
    held = {patients[row] for row in unseen}
    added = [row for row in learning[~known[learning]] if patients[row] not in held]
    return np.sort(np.append(train, np.array(added, dtype=np.int64))) if added else train


def training_split(
    subjects: Sequence[str],
    patients: Sequence[str],
    targets: Sequence[Target] | _Targets,
    task: Task | Sequence[str],
    crossval: Crossval,
    *,
    labelled: NDArray[np.bool_] | None = None,
) -> Split:
    """All subjects for training, except the fraction for validation. All subjects of a patient are in the same part.

    Subjects without a label change nothing for the others; none of a patient who is validated is trained on.

    Args:
        subjects: ids, in the order of the cohort.
        patients: one per subject.
        targets: of the task, one per subject.
        task: what is predicted; names of classes stand for classification.
        crossval: validation fraction, whether it is stratified, and seed; nothing else is used.
        labelled: which subjects have a label, ``(subjects,)``; the targets of the others are not read. None: all.

    Raises:
        DataError: if a class is missing from a part.
    """
    task = as_task(task)
    values = task.as_targets(targets)
    known = np.ones(len(values), dtype=bool) if labelled is None else labelled
    rows = np.flatnonzero(known)
    counts = _patients_by_group([patients[row] for row in rows.tolist()], values[rows], task)
    for name, count in counts.items() if crossval.validation else ():
        if count < 2:  # noqa: PLR2004  # one for training, one for validation
            raise DataError(
                f"{task.group} {name!r} has {_patients(count)}, but validation needs at least two; set "
                f"`crossval.validation` to 0, merge {task.groups}, or add subjects"
            )
    labels = _labels(values, known, task) if crossval.stratify else None
    train, validation = hold_out(np.asarray(patients), labels, rows, crossval, "fit")
    for part, rows in (("training", train), ("validation", validation)):
        missing = task.absent(values[rows]) if len(rows) else ()
        if missing:
            raise DataError(
                f"the {part} part has no subject of {task.group} {missing[0]!r}; change `crossval.validation` or "
                f"`crossval.seed`, or set `crossval.stratify` to true"
            )
    train = _with_unlabelled(train, np.arange(len(values)), validation, patients, known)
    return Split(0, 0, tuple(subjects[row] for row in train), tuple(subjects[row] for row in validation), ())


def _strata(labels: _Rows, complete: NDArray[np.bool_] | None, folds: int) -> _Rows:
    """The task's strata, divided by whether a modality is missing if both groups have enough subjects for all folds."""
    if complete is None or complete.all():
        return labels
    strata = 2 * labels
    for label in np.unique(labels):
        incomplete = (labels == label) & ~complete
        if folds <= np.count_nonzero(incomplete) <= np.count_nonzero(labels == label) - folds:
            strata[incomplete] += 1
    return strata


def _given(
    subjects: Sequence[str],
    patients: Sequence[str],
    crossval: Crossval,
    official_test: Sequence[str] | None,
    columns: Columns,
    *,
    known: NDArray[np.bool_],
) -> list[GivenFold]:
    """The folds of an official split, or as `crossval.by` gives them."""
    if crossval.official:
        test = official_test and [normal_id(subject) for subject in official_test]
        learning, tested = _official(subjects, test)
        return [GivenFold("the official split", learning, None, tested)]
    return [
        replace(fold, name=f"{crossval.by} {fold.name!r}" if fold.name else "the split")
        for fold in given_folds(subjects, patients, columns, crossval, known)
    ]


def _official(subjects: Sequence[str], test: Sequence[str] | None) -> tuple[_Rows, _Rows]:
    """Learning and test rows of the official split."""
    if test is None:
        raise DataError("the data have no official split; set `crossval.official` to false")
    row_of = {subject: row for row, subject in enumerate(subjects)}
    unknown = [subject for subject in test if subject not in row_of]
    if unknown or not test:
        what = f"contains {unknown[0]!r}, which is not in the cohort" if unknown else "is empty"
        raise DataError(f"the official test split {what}; build the cohort again with `xdistill data build`")
    chosen = np.isin(np.arange(len(subjects)), [row_of[subject] for subject in test])
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)


def _folds(
    patients: NDArray[np.str_], strata: _Rows | None, crossval: Crossval, repeat: int
) -> Iterator[tuple[_Rows, _Rows]]:
    """Learning and test rows of each fold of one repeat."""
    kinds = scikit_learn("model_selection")
    options = {"n_splits": crossval.folds, "shuffle": True, "random_state": seed_of(crossval, f"{repeat}")}
    rows = np.arange(len(patients))
    names, group_of = np.unique(patients, return_inverse=True)
    if strata is None:
        # Folds of patients: scikit-learn's own GroupKFold shuffles only since 1.6.
        for _, test in kinds.KFold(**options).split(names):
            chosen = np.isin(group_of, test)
            yield rows[~chosen], rows[chosen]
    elif len(names) == len(patients):
        yield from kinds.StratifiedKFold(**options).split(rows, strata)
    else:
        yield from kinds.StratifiedGroupKFold(**options).split(rows, strata, patients)


def _check_counts(patients: Sequence[str], targets: _Targets, task: Task, folds: int) -> None:
    """Check that every fold can test a patient, and one of each group that the task needs."""
    for name, count in _patients_by_group(patients, targets, task).items():
        if count < 2:  # noqa: PLR2004  # one for training, one for testing
            raise DataError(
                f"{task.group} {name!r} has {_patients(count)}, too few for cross-validation; merge {task.groups}, "
                f"leave the {task.group} out, or add subjects"
            )
        if count < folds:
            raise DataError(
                f"{task.group} {name!r} has {_patients(count)}, but each of the {folds} folds needs at least one; set "
                f"`crossval.folds` to {count} or fewer, merge {task.groups}, or add subjects"
            )
    count = len(set(patients))
    if count < folds:
        raise DataError(f"the cohort has {_patients(count)}, but each of the {folds} folds needs at least one")


def _patients_by_group(patients: Sequence[str], targets: _Targets, task: Task) -> Mapping[str, int]:
    row_of = {pair: row for row, pair in enumerate(zip(patients, map(task.target_text, targets), strict=True))}
    return task.counts(targets[list(row_of.values())])


def _check_part(targets: _Targets, task: Task, where: str, crossval: Crossval) -> None:
    missing = task.absent(targets)
    if not len(targets):
        raise DataError(f"{where} has no subject with a label")
    if not missing:
        return
    if crossval.official:
        hint = "set `crossval.official` to false, or change `crossval.validation`"
    elif crossval.by in {"fold", "site"}:
        hint = f"name the values that have all {task.groups} in `crossval.tested`, or merge {task.groups}"
    elif crossval.by is not None:
        hint = "change the split, or `crossval.validation`"
    else:
        hint = (
            "lower `crossval.folds`, set `crossval.stratify` to true, or change `crossval.seed` or "
            "`crossval.validation`"
        )
    raise DataError(
        f"{where} has no subject of {task.group} {missing[0]!r}, so its scores would be meaningless; {hint}"
    )


def _patients(count: int) -> str:
    return "1 patient" if count == 1 else f"{count} patients"
