"""Whether records are true: everything in them is computed again from their predictions."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from xdistill.bench.load import Benchmark
from xdistill.bench.recipes import departure
from xdistill.bench.records.attest import attested
from xdistill.bench.records.audit import audit, shortened
from xdistill.bench.records.cohort import cohort_problems, irregular
from xdistill.bench.records.facts import sum_of
from xdistill.bench.records.record import (
    FILE,
    PREDICTIONS,
    Record,
    claimed,
    digest,
    folder_name,
    read_facts,
    read_record,
)
from xdistill.bench.records.remarks import remarks
from xdistill.bench.records.splits import BenchmarkSplits
from xdistill.bench.records.splits_file import FILE as SPLITS
from xdistill.bench.records.splits_file import read_splits
from xdistill.bench.records.tuned import tuned_settings
from xdistill.errors import RecipeError, RunError, UserError, XdistillError
from xdistill.suggest import did_you_mean
from xdistill.untrusted import TABLE, read_bytes

ADDED = frozenset({"sensitivity", "specificity", "ppv", "npv"})  # metrics that records of version 0.2 do not claim
ROUNDING = 1e-9  # by which a claimed score may miss what is computed here


@dataclass(frozen=True)
class Verdict:
    """What came of looking at a folder of records.

    Attributes:
        folder: which.
        records: those that could be read, whether true or not.
        problems: what is wrong, each with file and row.
        remarks: what a reader should know, and no computation can decide.
    """

    folder: Path
    records: tuple[Record, ...] = ()
    problems: tuple[str, ...] = field(default=())
    remarks: tuple[str, ...] = field(default=())


def verify_records(benchmark: Benchmark, folder: Path | None = None) -> Verdict:
    """Check all records of a benchmark.

    Args:
        benchmark: the benchmark.
        folder: of the records; None: the one next to the benchmark file.
    """
    folder = folder or benchmark.records
    places = record_folders(folder)
    if not places:
        return Verdict(folder, (), (f"{folder}: there are no records here",))
    try:
        splits = read_splits(folder)
    except RunError as error:
        return Verdict(folder, (), (str(error),))
    problems = [f"{folder / SPLITS}: {problem}" for problem in _foreign_splits(benchmark, splits)]
    problems += irregular(folder)
    places = [place for place in places if not place.is_symlink()]
    records = []
    for place in places:
        found, record = _gathered(record_problems(benchmark, splits, place))
        problems += found
        if record is not None and not found:
            records.append(record)
    problems += cohort_problems(benchmark, records)
    return Verdict(folder, tuple(records), tuple(problems), tuple(remarks(records)))


def record_folders(folder: Path) -> list[Path]:
    """The records in a folder: every folder in it, sorted, but hidden ones."""
    if not folder.is_dir():
        return []
    return sorted(place for place in folder.iterdir() if place.is_dir() and not place.name.startswith("."))


def read_records(benchmark: Benchmark, folder: Path | None = None) -> tuple[Record, ...]:
    """The records of a benchmark, for a table.

    Raises:
        RunError: for the first record that is not true; `verify_records` tells all that is wrong.
    """
    folder = folder or benchmark.records
    if not record_folders(folder):
        raise RunError(f"{folder}: there are no records of the benchmark {benchmark.name!r}; submit some runs first")
    verdict = verify_records(benchmark, folder)
    if verdict.problems:
        more = f" (and {len(verdict.problems) - 1} more problems)" if len(verdict.problems) > 1 else ""
        raise RunError(f"{verdict.problems[0]}{more}; `xdistill bench verify` lists all")
    return verdict.records


def record_problems(benchmark: Benchmark, splits: BenchmarkSplits, place: Path) -> Generator[str, None, Record | None]:
    """Everything that is wrong with one record, each with the file and, where there is one, the row.

    Returns:
        The record; None where it cannot be read.
    """
    path = place / FILE
    try:
        facts = read_facts(place)
    except RunError as error:
        yield str(error)
        return None
    yield from (f"{path}: {problem}" for problem in _claims(benchmark, splits, place, facts))
    if facts.get("sha256", own := sum_of(facts)) != own:
        yield f"{path}: was changed after it was submitted: its SHA-256 is not the one that it states"
    return (yield from _predictions(splits, place, facts))


def _gathered(found: Generator[str, None, Record | None]) -> tuple[list[str], Record | None]:
    """What `record_problems` tells, and what it returns."""
    problems: list[str] = []
    while True:
        try:
            problems.append(next(found))
        except StopIteration as end:
            return problems, end.value


def _foreign_splits(benchmark: Benchmark, splits: BenchmarkSplits) -> Iterator[str]:
    crossval = benchmark.file.crossval
    if crossval.by is not None:  # how many folds there are is up to the cohort, whose fingerprint records share
        wanted = {(0, fold) for fold in range(len(splits.folds))}
        if len(splits.folds) < 2 or {(fold.repeat, fold.fold) for fold in splits.folds} != wanted:  # noqa: PLR2004 - a comparison needs two
            yield f"the folds of the benchmark {benchmark.name!r} are {crossval.describe()}; the records have others"
        return
    wanted = {(repeat, fold) for repeat in range(crossval.repeats) for fold in range(crossval.folds)}
    if {(fold.repeat, fold.fold) for fold in splits.folds} != wanted:
        yield (
            f"the benchmark {benchmark.name!r} has {crossval.repeats} x {crossval.folds} folds; the "
            f"{len(splits.folds)} folds of the records are others"
        )


def _claims(benchmark: Benchmark, splits: BenchmarkSplits, place: Path, facts: Mapping[str, Any]) -> Iterator[str]:
    """What the record says of itself, without its predictions."""
    entry, seed = facts["entry"], facts["seed"]
    if facts["status"] != "finished":
        yield f"the run is not finished (its status is {facts['status']!r}); finish it and submit it again"
    yield from (f"entry {entry!r}: {problem}" for problem in _foreign(splits, facts))
    if facts["seconds"]["folds"].keys() != {fold.name for fold in splits.folds}:
        yield f"entry {entry!r}: `seconds.folds` does not name the folds of the benchmark's splits"
    if entry not in benchmark.recipes:
        yield f"the benchmark has no entry {entry!r} with a recipe{did_you_mean(str(entry), benchmark.recipes)}"
        return
    if facts["recipe"].get("seed") != seed:
        yield f"entry {entry!r}: its seed is {seed}, but the recipe was run with {facts['recipe'].get('seed')}"
    name = folder_name(entry, seed, len(benchmark.file.seeds))
    if place.name != name and not place.name.startswith("."):
        yield f"the record of entry {entry!r} with seed {seed} belongs in a folder {name!r}"
    try:
        field = departure(benchmark, entry, facts["recipe"])
        tuned_settings(benchmark, facts)
    except RecipeError as error:
        yield f"entry {entry!r}: {error}"
        return
    except UserError as error:
        yield str(error)
        return
    if field:
        yield f"entry {entry!r}: `{field}` of the recipe that was run differs from the benchmark; run it again"


def _foreign(splits: BenchmarkSplits, facts: Mapping[str, Any]) -> Iterator[str]:
    """What tells a record from the cohort and the splits of its benchmark."""
    if facts["cohort"]["fingerprint"] != splits.fingerprint:
        yield (
            f"the cohort fingerprint {_short(facts['cohort']['fingerprint'])} is not that of the "
            f"benchmark's splits, {_short(splits.fingerprint)}: it was run on another cohort"
        )
    if facts["split_hash"] != splits.split_hash:
        yield (
            f"the split hash {_short(facts['split_hash'])} is not that of the benchmark's splits, "
            f"{_short(splits.split_hash)}: it was run on other folds"
        )
    if facts["splits_sha256"] != splits.hash:
        yield f"{SPLITS} next to the records is not the one it was submitted to: a split was changed"
    if facts["subjects"] == "ids" and not splits.ids:
        yield f"it names subjects by their ids, but {SPLITS} has no ids"
    summary = splits.task.summary(splits.task.as_targets(splits.targets))
    if any(facts["cohort"].get(name) != value for name, value in summary.items()):
        yield f"the number of subjects per {splits.task.group} differs from {SPLITS}"


def _predictions(splits: BenchmarkSplits, place: Path, facts: Mapping[str, Any]) -> Generator[str, None, Record | None]:
    path = place / PREDICTIONS
    try:
        text = read_bytes(path, TABLE, error=RunError, links=False).decode("utf-8")
    except UnicodeDecodeError as error:
        yield f"{path}: cannot be read: {error}"
        return None
    except RunError as error:
        yield str(error)
        return None
    if digest(text) != facts["predictions_sha256"]:
        yield f"{path}: the predictions were changed since they were submitted: their SHA-256 is not the record's"
    roles = tuple(facts["networks"])
    if "student" not in roles:
        yield f"{place / FILE}: `networks` must name the student"
        return None
    problems = list(shortened(audit(text, splits, roles, by_ids=facts["subjects"] == "ids")))
    yield from (f"{path}{f':{problem.line}' if problem.line else ''}: {problem.message}" for problem in problems)
    if problems:
        return None
    try:
        record = read_record(place, splits)
        yield from (f"{place / FILE}: {problem}" for problem in _scores(claimed(record.predictions), facts))
    except XdistillError as error:
        yield str(error)
        return None
    said, doubts = attested(place, facts)
    yield from doubts
    return replace(record, said=said)


def _scores(right: Mapping[str, Any], facts: Mapping[str, Any]) -> Iterator[str]:
    """Claimed scores that do not follow from the predictions."""
    claims = facts["scores"]
    for role in {**right, **claims}:
        ours, theirs = right.get(role, {}), claims.get(role, {})
        for metric in {**{name: None for name in ours if name in theirs or name not in ADDED}, **theirs}:
            for figure in ("mean", "sd"):
                true, claimed = ours.get(metric, {}).get(figure), theirs.get(metric, {}).get(figure)
                if not _same(true, claimed):
                    yield (
                        f"entry {facts['entry']!r}: the score {role} {metric} {figure} is {claimed}, but from the "
                        f"predictions it is {true}"
                    )


def _same(true: float | None, claimed: float | None) -> bool:
    if true is None or claimed is None:
        return False
    return math.isclose(true, claimed, rel_tol=0, abs_tol=ROUNDING)


def _short(text: Any) -> str:
    return str(text)[:12]
