"""Makes splits: repeated, stratified, patients kept whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xdistill.data.splits import Split, Splits, check_splits
from xdistill.errors import DataError
from xdistill.recipe.schema.recipe import Crossval
from xdistill.tasks import Target, Task, as_task

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
) -> Splits:
    """Split a cohort as the recipe says; the same arguments give the same splits.

    Every subject is tested exactly once a repeat, or belongs to one part of the official split; subjects of one
    patient stay together.

    Args:
        subjects: ids, in the order of the cohort.
        patients: one a subject.
        targets: of the task, one per subject.
        task: says how to stratify, and what every part needs; class names stand for classification.
        crossval: folds, repeats, stratification, seed, and the share kept aside for validation.
        fingerprint: of the cohort.
        official_test: subjects of the data's own test part, for recipes that ask for the official split.
        complete: who has every modality, one a subject; stratified folds get their share of these too. None: everyone.

    Raises:
        DataError: when a class has too few patients or is missing from a part of a fold, or when there is no official
            split and the recipe asks for it.
        LeakError: when a patient is on both sides of the official split.
    """
    task = as_task(task)
    values = task.as_targets(targets)
    if not crossval.official:
        _check_counts(patients, values, task, crossval.folds)
    labels = task.strata(values) if crossval.stratify else None
    strata = None if labels is None else _strata(labels, complete, crossval.folds)
    splits: list[Split] = []
    for repeat in range(crossval.repeats):
        folds = (
            [_official(subjects, official_test)]
            if crossval.official
            else _folds(np.asarray(patients), strata, crossval, repeat)
        )
        for fold, (learning, test) in enumerate(folds):
            where = "the official split" if crossval.official else f"repeat {repeat}, fold {fold}"
            train, validation = _aside(np.asarray(patients), labels, learning, crossval, f"{repeat}/{fold}")
            _check_part(values[test], task, f"the test part of {where}", crossval)
            _check_part(values[train], task, f"the training part of {where}", crossval)
            if crossval.validation:
                _check_part(values[validation], task, f"the validation part of {where}", crossval)
            parts = [tuple(subjects[row] for row in rows) for rows in (train, validation, test)]
            splits.append(Split(repeat, fold, *parts))
    made = Splits(tuple(splits), fingerprint)
    check_splits(made, subjects, patients, everyone_tested=not crossval.official)
    return made


def training_split(
    subjects: Sequence[str],
    patients: Sequence[str],
    targets: Sequence[int] | NDArray[np.integer],
    classes: Sequence[str],
    crossval: Crossval,
) -> Split:
    """All subjects for training, but for the share that is kept aside for validation; patients are kept whole.

    Args:
        subjects: ids, in the order of the cohort.
        patients: one per subject.
        targets: class indices, one per subject.
        classes: names of the classes.
        crossval: the share, whether it is stratified, and the seed; nothing else is used.

    Raises:
        DataError: if a class is missing from a part.
    """
    labels, groups = np.asarray(targets, dtype=np.int64), np.asarray(patients)
    if crossval.validation:
        for index, name in enumerate(classes):
            count = len(np.unique(groups[labels == index]))
            if count < 2:  # noqa: PLR2004  # one to train on, one to validate
                raise DataError(
                    f"class {name!r} has {_patients(count)}, and crossval.validation needs two: one for training and "
                    f"one for validation; set it to 0, merge classes, or add subjects"
                )
    train, validation = _aside(groups, labels, np.arange(len(labels)), crossval, "fit")
    for part, rows in (("training", train), ("validation", validation)):
        absent = sorted(set(range(len(classes))) - set(labels[rows].tolist()))
        if absent and len(rows):
            raise DataError(
                f"the {part} part has no subject of class {classes[absent[0]]!r}; change crossval.validation or "
                f"crossval.seed, or set crossval.stratify to true"
            )
    return Split(0, 0, tuple(subjects[row] for row in train), tuple(subjects[row] for row in validation), ())


def _strata(labels: _Rows, complete: NDArray[np.bool_] | None, folds: int) -> _Rows:
    """The task's strata, and within one those who lack a modality apart, where both parts are enough for all folds."""
    if complete is None or complete.all():
        return labels
    strata = 2 * labels
    for label in np.unique(labels):
        lacking = (labels == label) & ~complete
        if folds <= np.count_nonzero(lacking) <= np.count_nonzero(labels == label) - folds:
            strata[lacking] += 1
    return strata


def _official(subjects: Sequence[str], test: Sequence[str] | None) -> tuple[_Rows, _Rows]:
    """Learning and test rows of the official split."""
    if test is None:
        raise DataError("the data have no official split; set crossval.official to false")
    row_of = {subject: row for row, subject in enumerate(subjects)}
    strangers = [subject for subject in test if subject not in row_of]
    if strangers or not test:
        what = f"names {strangers[0]!r}, who is not in the cohort" if strangers else "tests nobody"
        raise DataError(f"the official split {what}; build the cohort anew with `xdistill data build`")
    chosen = np.isin(np.arange(len(subjects)), [row_of[subject] for subject in test])
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)


def _folds(
    patients: NDArray[np.str_], strata: _Rows | None, crossval: Crossval, repeat: int
) -> Iterator[tuple[_Rows, _Rows]]:
    """Learning and test rows of each fold of one repeat."""
    from sklearn.model_selection import KFold, StratifiedGroupKFold, StratifiedKFold

    options = {"n_splits": crossval.folds, "shuffle": True, "random_state": _seed(crossval, f"{repeat}")}
    rows = np.arange(len(patients))
    names, group_of = np.unique(patients, return_inverse=True)
    if strata is None:
        # Folds of patients: scikit-learn's own GroupKFold shuffles only since 1.6.
        for _, test in KFold(**options).split(names):
            chosen = np.isin(group_of, test)
            yield rows[~chosen], rows[chosen]
    elif len(names) == len(patients):
        yield from StratifiedKFold(**options).split(rows, strata)
    else:
        yield from StratifiedGroupKFold(**options).split(rows, strata, patients)


def _aside(
    patients: NDArray[np.str_], labels: _Rows | None, learning: _Rows, crossval: Crossval, place: str
) -> tuple[_Rows, _Rows]:
    """Training and validation rows: whole patients, each stratum in its share."""
    if not crossval.validation:
        return learning, learning[:0]
    from sklearn.model_selection import train_test_split

    names, first = np.unique(patients[learning], return_index=True)
    try:
        _, aside = train_test_split(
            names,
            test_size=crossval.validation,
            random_state=_seed(crossval, f"validation/{place}"),
            stratify=None if labels is None else labels[learning][first],
        )
    except ValueError as error:
        raise DataError(
            f"crossval.validation of {crossval.validation} cannot be kept aside from {len(names)} training patients "
            f"({error}); change crossval.validation or crossval.folds"
        ) from error
    chosen = np.isin(patients[learning], aside)
    return learning[~chosen], learning[chosen]


def _seed(crossval: Crossval, place: str) -> int:
    """A seed of its own for each place, so that repeats of neighbouring seeds have nothing in common."""
    return int.from_bytes(sha256(f"xdistill/splits/{crossval.seed}/{place}".encode()).digest()[:4])


def _check_counts(patients: Sequence[str], targets: _Targets, task: Task, folds: int) -> None:
    """Every fold can test a patient, and one of each group that the task needs."""
    row_of = {pair: row for row, pair in enumerate(zip(patients, map(task.target_text, targets), strict=True))}
    for name, count in task.counts(targets[list(row_of.values())]).items():
        if count < 2:  # noqa: PLR2004  # one to test, one to train on
            raise DataError(
                f"{task.group} {name!r} has {_patients(count)}, too few for any cross-validation; merge {task.groups}, "
                f"leave the {task.group} out, or add subjects"
            )
        if count < folds:
            raise DataError(
                f"{task.group} {name!r} has {_patients(count)}, and each of the {folds} folds needs one at least; set "
                f"crossval.folds to {count} or fewer, merge {task.groups}, or add subjects"
            )
    count = len(set(patients))
    if count < folds:
        raise DataError(f"the cohort has {_patients(count)}, and each of the {folds} folds needs one at least")


def _check_part(targets: _Targets, task: Task, where: str, crossval: Crossval) -> None:
    missing = task.absent(targets)
    if not missing:
        return
    hint = (
        "set crossval.official to false, or change crossval.validation"
        if crossval.official
        else "use fewer crossval.folds, set crossval.stratify to true, or change crossval.seed or crossval.validation"
    )
    raise DataError(f"{where} has no subject of {task.group} {missing[0]!r}, so its scores would mean nothing; {hint}")


def _patients(count: int) -> str:
    return "1 patient" if count == 1 else f"{count} patients"
