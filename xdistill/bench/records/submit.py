"""Adding a finished run to the records of a benchmark. Only the run's folder is needed, never its cohort."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from xdistill.bench.load import Benchmark
from xdistill.bench.recipes import departure
from xdistill.bench.records.defaults import changed_default
from xdistill.bench.records.record import FILE, folder_name, record_of_run, write_record
from xdistill.bench.records.splits import BenchmarkSplits
from xdistill.bench.records.splits_file import FILE as SPLITS
from xdistill.bench.records.splits_file import read_splits, splits_of_run, write_splits
from xdistill.bench.records.verify import record_problems
from xdistill.errors import RunError
from xdistill.runs import Run
from xdistill.runs.files import explained, make_folder, move_folder, read_json, write_text
from xdistill.runs.integrity import check_run
from xdistill.runs.temporary import sweep, temporary_path
from xdistill.suggest import did_you_mean

if TYPE_CHECKING:
    from xdistill.plugin import Catalog

ATTRIBUTES = "# Records are compared byte by byte: git must not change their line ends.\n* -text\n"


@dataclass(frozen=True)
class Submitted:
    """A record that was written.

    Attributes:
        folder: of the record.
        entry: whose it is.
        seed: of the run.
        run: the run's identity.
        changed: False when the same record was there already.
    """

    folder: Path
    entry: str
    seed: int
    run: str
    changed: bool


def submit(
    run: Run,
    benchmark: Benchmark,
    entry: str,
    *,
    catalog: Catalog,
    to: Path | None = None,
    seed: int | None = None,
    keep_ids: bool = False,
    replace: bool = False,
) -> Submitted:
    """Write the record of a run.

    Args:
        run: a finished run.
        benchmark: to which it belongs.
        entry: whose run it is.
        catalog: fills in the cohort's settings.
        to: folder of the benchmark's records; None: the one next to the benchmark file.
        seed: what the run's seed has to be; None: whichever it is.
        keep_ids: keep the subjects' ids instead of their ranks.
        replace: put it in the place of another run's record.

    Raises:
        RunError: when the run is not one of this entry on this benchmark's cohort and splits, when one of its files
            was changed or contradicts another, or when another run's record is there.
    """
    to = to or benchmark.records
    check_run(run, thorough=True)
    _check_entry(benchmark, entry)
    _check_run(run, benchmark, entry, catalog, seed)
    splits = splits_of_run(run, keep_ids=keep_ids)
    splits, new = _shared_splits(run, to, splits, keep_ids=keep_ids)
    record = record_of_run(run, entry, splits, by_ids=keep_ids)
    folder = to / folder_name(entry, record.seed, len(benchmark.file.seeds))
    if not replace:
        _refuse_another(folder, str(record.facts["run"]))
    make_folder(to)
    sweep(to, folder)
    temporary = temporary_path(folder, "new")
    with explained(to):
        try:
            write_record(temporary, record)
            problem = next(record_problems(benchmark, splits, temporary), None)
            if problem:
                raise RunError(f"{run.path}: cannot be submitted: {problem}")
            if new:
                write_splits(to, splits)
                write_text(to / ".gitattributes", ATTRIBUTES)
            changed = not _same_files(temporary, folder)
            if changed:
                shutil.rmtree(folder, ignore_errors=True)
                move_folder(temporary, folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return Submitted(folder, entry, record.seed, str(record.facts["run"]), changed)


def _check_entry(benchmark: Benchmark, entry: str) -> None:
    found = benchmark.entry(entry)
    if found.of:
        raise RunError(f"{entry!r} is the {found.role} of {found.of!r}: submit the run as {found.of!r}, it holds both")


def _check_run(run: Run, benchmark: Benchmark, entry: str, catalog: Catalog, seed: int | None) -> None:
    own = run.record["recipe"].get("seed")
    if seed is not None and seed != own:
        raise RunError(f"{run.path}: its seed is {own}, expected {seed}")
    if own not in benchmark.file.seeds:
        known = ", ".join(map(str, benchmark.file.seeds))
        raise RunError(f"{run.path}: its seed is {own}, but the benchmark's are {known}")
    recipe = run.record["recipe"]
    field = departure(benchmark, entry, recipe, catalog)
    field = field or changed_default(benchmark, entry, recipe, run.record["versions"], catalog)
    if field:
        hint = did_you_mean(str(recipe["name"]).rpartition("/")[2], benchmark.recipes)
        raise RunError(
            f"{run.path}: not a run of entry {entry!r} of the benchmark {benchmark.name!r}: `{field}` "
            f"differs from the benchmark{hint if field == 'name' else ''}"
        )


def _shared_splits(run: Run, to: Path, own: BenchmarkSplits, *, keep_ids: bool) -> tuple[BenchmarkSplits, bool]:
    """The splits of the folder, and whether they have to be written."""
    if not (to / SPLITS).exists():
        return own, True
    theirs = read_splits(to)
    for what, ours, there in (
        ("cohort fingerprint", own.fingerprint, theirs.fingerprint),
        ("split hash", own.split_hash, theirs.split_hash),
    ):
        if ours != there:
            raise RunError(f"{run.path}: its {what} is {ours[:12]}, but that of the records in {to} is {there[:12]}")
    if own.hash != theirs.hash:
        raise RunError(f"{run.path}: its folds or targets are not those of {to / SPLITS}")
    return (own, True) if keep_ids and not theirs.ids else (theirs, False)


def _refuse_another(folder: Path, run: str) -> None:
    there = read_json(folder / FILE).get("run") if (folder / FILE).is_file() else run
    if there != run:
        raise RunError(f"{folder}: already holds the record of run {there}; pass --replace to replace it")


def _same_files(one: Path, other: Path) -> bool:
    return other.is_dir() and all(
        (other / file.name).is_file() and (other / file.name).read_bytes() == file.read_bytes()
        for file in one.iterdir()
    )
