"""The file of a benchmark's splits, ``splits.json``: made from a run, written, read and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from xdistill.bench.records.split_problems import split_problems
from xdistill.bench.records.splits import FORMAT, FORMAT_VERSION, BenchmarkSplits, Tested
from xdistill.bench.records.versioned import read_versioned
from xdistill.errors import RunError
from xdistill.runs import Run
from xdistill.runs.files import read_json, write_text
from xdistill.tasks import Target, read_task

FILE: Final = "splits.json"


def splits_of_run(run: Run, *, keep_ids: bool = False) -> BenchmarkSplits:
    """The splits of a finished run, by rank; of the cohort nothing is needed.

    Raises:
        RunError: when the run's files contradict each other.
    """
    from xdistill.data import Splits
    from xdistill.data.splits import train_sizes

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
            raise RunError(f"{run.folder.splits}: belongs to other {what} than {run.folder.record.name} next to it")
    ids = tuple(sorted({subject for split in splits for subject in split.test}))
    sizes = train_sizes(raw)
    rank = {subject: index for index, subject in enumerate(ids)}
    return BenchmarkSplits(
        fingerprint=fingerprint,
        split_hash=splits.hash,
        task=run.task,
        targets=_targets(run, ids),
        patients=_patients(run, raw.get("patients"), ids),
        folds=tuple(
            Tested(
                split.repeat,
                split.fold,
                sizes[split.repeat, split.fold],
                len(split.validation),
                tuple(sorted(rank[subject] for subject in split.test)),
            )
            for split in splits
        ),
        ids=ids if keep_ids else (),
    )


def _targets(run: Run, ids: Sequence[str]) -> tuple[Target, ...]:
    target: dict[str, Target] = {}
    for fold in run.predictions.folds:
        for subject, label in zip(fold.subjects, fold.target.tolist(), strict=True):
            if target.setdefault(subject, label) != label:
                raise RunError(f"{run.folder.predictions}: a subject has two targets, in {fold.role} r{fold.repeat}")
    unmatched = set(target) ^ set(ids)
    if unmatched:
        raise RunError(
            f"{run.folder.predictions}: {len(unmatched)} subjects are either only there or only in "
            f"{run.folder.splits.name}"
        )
    return tuple(target[subject] for subject in ids)


def _patients(run: Run, known: Any, ids: Sequence[str]) -> tuple[int, ...]:
    """Patients by rank, numbered as they come."""
    if known is None:
        cohort = run.record["cohort"]
        if int(cohort["patients"]) not in {len(ids), int(cohort["subjects"])}:
            raise RunError(
                f"{run.folder.splits}: several subjects belong to one patient, but the file does not say which; run "
                f"the recipe again with this xdistill"
            )
        return tuple(range(len(ids)))
    if not isinstance(known, Mapping) or not set(known) >= set(ids):
        raise RunError(f"{run.folder.splits}: `patients` must name the patient of every subject")
    number: dict[str, int] = {}
    return tuple(number.setdefault(str(known[subject]), len(number)) for subject in ids)


def write_splits(folder: Path, splits: BenchmarkSplits) -> None:
    """Write the file of a folder of records, completely or not at all."""
    write_text(folder / FILE, splits.to_text())


def read_splits(folder: Path) -> BenchmarkSplits:
    """Read the file of a folder of records.

    Raises:
        RunError: when it is missing, something else, of another format version, or was changed.
    """
    path = folder / FILE
    data = read_versioned(path, FORMAT, FORMAT_VERSION, otherwise="not the splits of a benchmark")
    try:
        task = read_task(data)
        splits = BenchmarkSplits(
            fingerprint=str(data["cohort"]),
            split_hash=str(data["split_hash"]),
            task=task,
            targets=tuple(task.as_targets(data["targets"]).tolist()),
            patients=tuple(map(int, data["patients"])),
            folds=tuple(_fold(fold) for fold in data["splits"]),
            ids=tuple(map(str, data.get("ids", ()))),
        )
        written = data["hash"]
    except (KeyError, OverflowError, TypeError, ValueError) as error:
        raise RunError(f"{path}: cannot be read as splits: {type(error).__name__}: {error}") from error
    if splits.hash != written:
        raise RunError(
            f"{path}: the splits were changed since they were written (their hash differs); restore the file"
        )
    wrong = next(split_problems(splits), None)
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
