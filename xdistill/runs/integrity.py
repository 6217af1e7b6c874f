"""Whether the files of a run are what was written, and agree with each other.

Checksums find what changed later. That rows match splits, folds their folders, and scores the predictions is checked
as well: runs of versions 0.1 and 0.2 have no checksums.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from xdistill.errors import RunError
from xdistill.runs.checksums import CHECKSUMS, check_sums, write_checksums
from xdistill.runs.external import check_external
from xdistill.runs.files import read_json, write_json
from xdistill.runs.folder import EXTERNAL
from xdistill.stats import FoldPredictions, Predictions, read_predictions, summarise

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from xdistill.data import Split, Splits
    from xdistill.runs.folder import RunFolder
    from xdistill.runs.record import Run
    from xdistill.tasks import Task

WEIGHTS: Final = ".safetensors"
FOLD_FILES: Final = ("fold.json", "history.csv", "predictions.csv", "student.safetensors", "transforms.json")
ROUNDING: Final = 1e-9  # by which a score in the record may differ from the one computed here
REMEDY: Final = "restore the file, or rerun the command that made the run"


def seal_fold(path: Path) -> None:
    """Write the checksums of a fold's folder; nothing is written to it afterwards."""
    write_checksums(path, [file.name for file in path.iterdir()])


def seal_run(folder: RunFolder, record: Mapping[str, Any], folds: Iterable[str]) -> None:
    """Write the record of a finished run, then the checksums of the run.

    Args:
        folder: of the run, with all other files in place.
        record: with the status ``finished``.
        folds: names of all folds.
    """
    folder.checksums.unlink(missing_ok=True)  # without them the run counts as not finished
    write_json(folder.record, {**record, "checksums": CHECKSUMS})
    write_checksums(folder.path, _sealed(folder, folds))


def check_fold(
    folder: RunFolder,
    split: Split,
    *,
    run: str = "",
    task: Task | None = None,
    sealed: bool = True,
    weights: bool = True,
) -> Predictions:
    """Check the folder of a finished fold.

    Args:
        folder: of the run.
        split: of the fold.
        run: id of the run; empty: not known.
        task: what is predicted; None for a classification.
        sealed: whether the fold has checksums.
        weights: whether to check the weights as well.

    Returns:
        The fold's predictions.

    Raises:
        RunError: naming the file that is missing, changed, or of another fold or run.
    """
    path = folder.fold(split.name)
    if sealed:
        check_sums(path, required=FOLD_FILES, skip=() if weights else (WEIGHTS,))
    facts = read_json(path / "fold.json")
    if not isinstance(facts, dict) or (facts.get("repeat"), facts.get("fold")) != (split.repeat, split.fold):
        raise RunError(f"{path / 'fold.json'}: does not belong to {split.where}, in whose folder it is")
    if sealed and run and facts.get("run") != run:
        raise RunError(f"{path / 'fold.json'}: belongs to the run {facts.get('run')!r}, not to {run!r}")
    predictions = read_predictions(path / "predictions.csv", task)
    _check_rows(path / "predictions.csv", predictions, [split], partial=True)
    return predictions


def check_run(run: Run, *, thorough: bool = False) -> None:
    """Check the files of a finished run.

    Args:
        run: as read.
        thorough: also check the weights, and that every fold is there.

    Raises:
        RunError: naming the file that is missing, changed, or contradicts another one.
    """
    try:
        _check_run(run, thorough=thorough)
    except RunError as error:
        raise RunError(f"{error}; {REMEDY}") from error


def _check_run(run: Run, *, thorough: bool) -> None:
    folder = run.folder
    splits = _splits(run)
    if run.sealed:
        check_sums(folder.path, required=_sealed(folder, [split.name for split in splits]))
    _check_rows(folder.predictions, run.predictions, splits, partial="missing" in run.record)
    identity = str(run.record.get("id", ""))
    for split in splits:
        if run.sealed or thorough or folder.fold(split.name).is_dir():
            part = check_fold(folder, split, run=identity, task=run.task, sealed=run.sealed, weights=thorough)
            _check_same(folder, run.predictions, part, split)
    _check_summary(run)
    check_external(run)


def _sealed(folder: RunFolder, folds: Iterable[str]) -> list[str]:
    """The files that the checksums of a run cover; the report is not one of them, since it may be drawn again."""
    own = [folder.record.name, folder.splits.name, folder.predictions.name]
    own += [EXTERNAL] if folder.external.is_file() else []
    return [*own, *(f"{folder.fold(name).relative_to(folder.path).as_posix()}/{CHECKSUMS}" for name in folds)]


def _splits(run: Run) -> Splits:
    """The splits of a run, once they are those of its record."""
    from xdistill.data import Splits

    path = run.folder.splits
    try:
        splits = Splits.from_json(read_json(path))
    except RunError as error:
        raise RunError(str(error) if str(path) in str(error) else f"{path}: {error}") from error
    for what, ours, theirs in (
        ("cohort", splits.fingerprint, run.record["cohort"].get("fingerprint")),
        ("splits", splits.hash, run.record.get("split_hash")),
    ):
        if theirs and ours != theirs:
            raise RunError(f"{path}: belongs to other {what} than {run.folder.record.name}")
    return splits


def _check_rows(path: Path, predictions: Predictions, splits: Iterable[Split], *, partial: bool) -> None:
    """Check that predictions are of these folds, and of exactly their test subjects.

    Args:
        path: of the predictions, for messages.
        predictions: of one or more networks.
        splits: of the folds.
        partial: whether the teacher may score fewer subjects.
    """
    wanted = {(split.repeat, split.fold): split for split in splits}
    for role in {"student": None, **dict.fromkeys(predictions.roles())}:
        found = {(fold.repeat, fold.fold): fold for fold in predictions.of(role)}
        for key in found.keys() - wanted.keys():
            raise RunError(
                f"{path}: has predictions of the {role} in repeat {key[0]}, fold {key[1]}, which is not a fold of this "
                f"run"
            )
        for key, split in wanted.items():
            if key not in found:
                if role == "student" or not partial:
                    raise RunError(f"{path}: has no predictions of the {role} in {split.name}")
                continue
            _check_subjects(path, found[key], split, partial=partial and role != "student")


def _check_subjects(path: Path, fold: FoldPredictions, split: Split, *, partial: bool) -> None:
    scored, tested = set(fold.subjects), set(split.test)
    if scored - tested:
        count = len(scored - tested)
        raise RunError(f"{path}: {count} rows of the {fold.role} in {split.name} are not of its test subjects")
    if tested - scored and not partial:
        raise RunError(
            f"{path}: has {len(scored)} rows of the {fold.role} in {split.name}, but splits.json has {len(tested)} "
            f"test subjects"
        )


def _check_same(folder: RunFolder, whole: Predictions, part: Predictions, split: Split) -> None:
    """Check that the run's predictions of a fold are those in the fold's folder."""
    for role in {**dict.fromkeys(whole.roles()), **dict.fromkeys(part.roles())}:
        ours, theirs = (
            [fold for fold in predictions.of(role) if (fold.repeat, fold.fold) == (split.repeat, split.fold)]
            for predictions in (whole, part)
        )
        if len(ours) != len(theirs) or not all(map(_same, ours, theirs)):
            raise RunError(
                f"{folder.predictions}: the predictions of the {role} in {split.name} differ from those in "
                f"{folder.fold(split.name) / 'predictions.csv'}"
            )


def _same(one: FoldPredictions, other: FoldPredictions) -> bool:
    return (
        one.subjects == other.subjects
        and np.array_equal(one.target, other.target)
        and np.array_equal(one.probabilities, other.probabilities)
    )


def _check_summary(run: Run) -> None:
    """Check the record's scores against the predictions; metrics of plugins are left out, since they may change."""
    claimed = run.record.get("summary") or {}
    if not claimed:
        return
    for role, metrics in summarise(run.predictions).items():
        for name, summary in metrics.items():
            claim = claimed.get(role, {}).get(name)
            if claim is None:
                continue
            for figure in ("mean", "sd"):
                ours, theirs = getattr(summary, figure), claim[figure]
                if not _close(ours, theirs):
                    raise RunError(
                        f"{run.folder.record}: the {figure} of {name} of the {role} is {theirs:.6g}, but from "
                        f"{run.folder.predictions.name} it is {ours:.6g}"
                    )


def _close(one: float, other: float) -> bool:
    both_undefined = math.isnan(one) and math.isnan(other)
    return both_undefined or math.isclose(one, other, rel_tol=0, abs_tol=ROUNDING)
