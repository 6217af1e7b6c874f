"""Where the runs of a benchmark lie: a small file beside them, written as they finish."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xdistill.bench.load import Benchmark
from xdistill.bench.recipes import departure
from xdistill.bench.record import Record, record_of_run
from xdistill.bench.splits import splits_of_run
from xdistill.errors import RunError
from xdistill.runs import Run, load_run
from xdistill.runs.files import make_folder, read_json, write_json

FORMAT = "xdistill-benchmark-runs"
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


def list_file(benchmark: Benchmark, runs: Path) -> Path:
    """The file that says where the runs of a benchmark lie."""
    return runs / "benchmarks" / f"{benchmark.name}.json"


def known_runs(benchmark: Benchmark, runs: Path) -> tuple[KnownRun, ...]:
    """The runs that `bench run` finished on the benchmark's splits, in the order of the entries.

    Raises:
        RunError: when the list is damaged.
    """
    found = {
        (str(row["entry"]), int(row["seed"])): KnownRun(str(row["entry"]), int(row["seed"]), runs / str(row["run"]))
        for row in _rows(benchmark, runs)
        if _splits(row) == _wanted(benchmark)
    }
    order = [(entry, seed) for entry in benchmark.recipes for seed in benchmark.file.seeds]
    return tuple(found[key] for key in order if key in found)


def remember(benchmark: Benchmark, runs: Path, run: KnownRun) -> None:
    """Note where a run lies, in the place of an earlier one of the same entry, seed and splits."""
    folds, repeats = _wanted(benchmark)
    new = {
        "entry": run.entry,
        "seed": run.seed,
        "folds": folds,
        "repeats": repeats,
        "run": Path(os.path.relpath(run.path, runs)).as_posix(),
    }
    same = ("entry", "seed", "folds", "repeats")
    rows = [row for row in _rows(benchmark, runs) if any(row.get(field) != new[field] for field in same)]
    path = list_file(benchmark, runs)
    make_folder(path.parent)
    head = {"format": FORMAT, "format_version": FORMAT_VERSION, "benchmark": benchmark.name}
    write_json(path, {**head, "runs": [*rows, new]})


def records_of_runs(benchmark: Benchmark, runs: Path) -> tuple[Record, ...]:
    """The finished runs of a benchmark as records, of which nothing is written.

    Raises:
        RunError: when there are none, or one is not finished or was made from another recipe, cohort or splits.
    """
    known = known_runs(benchmark, runs)
    if not known:
        raise RunError(
            f"{runs}: no finished run of the benchmark {benchmark.name!r} is known here; start `xdistill bench run`, "
            f"or name the folder of the runs with --runs"
        )
    return tuple(_record(benchmark, run) for run in known)


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
            f"{run.path}: `{field}` of its recipe is not what the benchmark says of entry {entry!r}; run the benchmark "
            f"again"
        )


def _rows(benchmark: Benchmark, runs: Path) -> Iterator[Mapping[str, Any]]:
    path = list_file(benchmark, runs)
    if not path.is_file():
        return
    data = read_json(path)
    rows = data.get("runs") if isinstance(data, dict) and data.get("format") == FORMAT else None
    fields = {"entry", "seed", "folds", "repeats", "run"}
    if (
        not isinstance(rows, list)
        or data.get("format_version") != FORMAT_VERSION
        or not all(isinstance(row, dict) and fields <= set(row) for row in rows)
    ):
        raise RunError(
            f"{path}: this is no list of runs of this version; delete it, and start `xdistill bench run` again"
        )
    yield from rows


def _splits(row: Mapping[str, Any]) -> tuple[Any, Any]:
    return row["folds"], row["repeats"]


def _wanted(benchmark: Benchmark) -> tuple[int, int]:
    return benchmark.file.crossval.folds, benchmark.file.crossval.repeats
