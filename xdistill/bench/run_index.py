"""The locations of the runs of a benchmark: a small file for each, written as it finishes.

One file per run, so that several terminals can work on the same benchmark.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from xdistill.bench.load import Benchmark
from xdistill.bench.recipes import departure
from xdistill.bench.records.record import Record, record_of_run
from xdistill.bench.records.splits_file import splits_of_run
from xdistill.errors import RunError
from xdistill.runs import Run, load_run
from xdistill.runs.files import make_folder, read_json, write_json

FORMAT = "xdistill-benchmark-run"
FORMAT_VERSION = 1


@dataclass(frozen=True)
class KnownRun:
    """A finished run of an entry.

    Attributes:
        entry: the entry's name.
        seed: of the run.
        path: its folder.
    """

    entry: str
    seed: int
    path: Path


def notes(benchmark: Benchmark, runs: Path) -> Path:
    """The folder with the locations of the runs of a benchmark."""
    return runs / "benchmarks" / benchmark.name


def known_runs(benchmark: Benchmark, runs: Path) -> tuple[KnownRun, ...]:
    """The runs that `bench run` finished on the benchmark's splits, in the order of the entries.

    Raises:
        RunError: when a note is damaged.
    """
    wanted = [(entry, seed) for entry in benchmark.recipes for seed in benchmark.file.seeds]
    paths = [(entry, seed, _note(benchmark, runs, entry, seed)) for entry, seed in wanted]
    return tuple(KnownRun(entry, seed, runs / _read(path)) for entry, seed, path in paths if path.is_file())


def remember(benchmark: Benchmark, runs: Path, run: KnownRun) -> None:
    """Record the folder of a run, replacing an earlier one of the same entry, seed and splits."""
    path = _note(benchmark, runs, run.entry, run.seed)
    make_folder(path.parent)
    place = Path(os.path.relpath(run.path, runs)).as_posix()
    write_json(path, {"format": FORMAT, "format_version": FORMAT_VERSION, "run": place})


def records_of_runs(benchmark: Benchmark, runs: Path) -> tuple[Record, ...]:
    """The finished runs of a benchmark as records, of which nothing is written.

    Raises:
        RunError: when there are none, or one is not finished or was made from another recipe, cohort or splits.
    """
    known = known_runs(benchmark, runs)
    if not known:
        raise RunError(
            f"{runs}: no finished run of the benchmark {benchmark.name!r}{_with(benchmark)} is in this folder; start "
            f"`xdistill bench run`, or name the folder of the runs with --runs"
        )
    return tuple(_record(benchmark, run) for run in known)


def _with(benchmark: Benchmark) -> str:
    return f" with {benchmark.changes}" if benchmark.changes else ""


def _record(benchmark: Benchmark, known: KnownRun) -> Record:
    run = load_run(known.path)
    check_recipe(benchmark, known.entry, run)
    return record_of_run(run, known.entry, splits_of_run(run))


def check_recipe(benchmark: Benchmark, entry: str, run: Run) -> None:
    """Refuse a run that was made from another recipe than the entry's.

    Raises:
        RunError: naming the field that differs.
    """
    field = departure(benchmark, entry, run.record["recipe"])
    if field:
        raise RunError(
            f"{run.path}: `{field}` of its recipe differs from entry {entry!r} of the benchmark; run the benchmark "
            f"again"
        )


def _note(benchmark: Benchmark, runs: Path, entry: str, seed: int) -> Path:
    crossval, trials = benchmark.file.crossval, benchmark.file.trials
    tuned = f".trials{trials}" if trials else ""
    return notes(benchmark, runs) / f"{entry}.seed{seed}.{crossval.repeats}x{crossval.folds}{tuned}.json"


def _read(path: Path) -> str:
    data = read_json(path)
    if (
        not isinstance(data, dict)
        or (data.get("format"), data.get("format_version")) != (FORMAT, FORMAT_VERSION)
        or not isinstance(data.get("run"), str)
    ):
        raise RunError(f"{path}: this is not the path of a run; delete the file and rerun `xdistill bench run`")
    place: str = data["run"]
    return place
