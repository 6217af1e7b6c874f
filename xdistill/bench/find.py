"""Finds the benchmark file and the results of an argument."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from xdistill.bench.fresh.schema import SCORES
from xdistill.bench.load import Benchmark, is_benchmark, load_benchmark
from xdistill.bench.records.record import FORMAT, Record, read_record, record_of_run
from xdistill.bench.records.splits_file import read_splits, splits_of_run
from xdistill.bench.records.verify import read_records, record_folders
from xdistill.bench.run_index import known_runs, records_of_runs
from xdistill.errors import RunError, UserError
from xdistill.recipe.bundled import ENDINGS
from xdistill.runs import RunFolder, load_run
from xdistill.runs.files import read_json

Source = Literal["records", "runs"]


def results(benchmark: Benchmark, *, source: Source | None, runs: Path) -> tuple[Record, ...]:
    """The results of a benchmark.

    Args:
        benchmark: the benchmark.
        source: where from; None: the runs where some are known, else the records, which are never of a benchmark with
            other splits or trials than its file's.
        runs: folder of all runs.

    Raises:
        RunError: when there are none, or they are not what they claim to be.
    """
    if benchmark.file.fresh_test is not None:
        raise RunError(
            f"{benchmark.path}: with `fresh_test` there are no runs and records of folds to look at; "
            f"`xdistill bench show` and `bench export` have the table"
        )
    if source is None:
        source = "runs" if benchmark.changes or known_runs(benchmark, runs) else "records"
        if source == "records" and not record_folders(benchmark.records):
            raise RunError(
                f"the benchmark {benchmark.name!r} has no results: there is no finished run of it in {runs} and no "
                f"record in {benchmark.records}; start `xdistill bench run`"
            )
    return records_of_runs(benchmark, runs) if source == "runs" else read_records(benchmark)


def benchmark_of(records: Path) -> Benchmark:
    """The benchmark whose records are in a folder ``…/records/<name>``: the file ``…/<name>.yaml``.

    Raises:
        UserError: when there is no such file, or it is another benchmark's.
    """
    records = records.absolute()
    for ending in ENDINGS:
        path = records.parent.parent / f"{records.name}{ending}"
        if records.parent.name == "records" and path.is_file():
            return load_benchmark(path)
    raise UserError(
        f"{records}: cannot tell which benchmark these records belong to; name its file with --benchmark, or keep the "
        f"records of NAME.yaml in records/NAME next to it"
    )


def benchmarks_in(folder: Path) -> tuple[Benchmark, ...]:
    """The benchmark files of a folder that have records, sorted.

    Raises:
        UserError: when there are none, or records belong to none of the files.
    """
    files = [path for ending in ENDINGS for path in sorted(folder.glob(f"*{ending}"))]
    loaded = [load_benchmark(path) for path in files if is_benchmark(path)]
    found = tuple(one for one in loaded if record_folders(one.records) or (one.records / SCORES).is_file())
    known = {benchmark.records.name for benchmark in loaded}
    foreign = [place for place in record_folders(folder / "records") if place.name not in known]
    if foreign:
        raise UserError(f"{foreign[0]}: these records belong to none of the benchmark files in {folder}")
    if not found:
        raise UserError(f"{folder}: there is no benchmark file with records here")
    return found


def one_record(path: Path) -> Record:
    """A record from the folder of a run or of a record.

    Raises:
        RunError: when it is neither.
    """
    facts = read_json(RunFolder(path).record) if RunFolder(path).record.is_file() else {}
    if isinstance(facts, dict) and facts.get("format") == FORMAT:
        return read_record(path, read_splits(path.parent))
    run = load_run(path)
    return record_of_run(run, run.name, splits_of_run(run))


def records_of_entry(benchmark: Benchmark, name: str, found: Sequence[Record]) -> tuple[Record, ...]:
    """The records of an entry, one per seed.

    Raises:
        UserError: when there is no such entry, or it has none.
    """
    source = benchmark.entry(name).source
    records = tuple(sorted((record for record in found if record.entry == source), key=lambda record: record.seed))
    if not records:
        raise UserError(f"the entry {name!r} of the benchmark {benchmark.name!r} has no results yet")
    return records
