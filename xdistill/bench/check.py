"""Whether what a benchmark publishes is true: its records, what its controls have to show, its leaderboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from xdistill.bench.load import Benchmark
from xdistill.bench.records.verify import Verdict, verify_records
from xdistill.bench.standings import Standings
from xdistill.bench.table import standings
from xdistill.errors import XdistillError
from xdistill.untrusted import JSON, read_text

LEADERBOARD = "LEADERBOARD.md"


def check(benchmark: Benchmark, folder: Path | None = None) -> Verdict:
    """Verify the records of a benchmark; when they are true, its expectations and its leaderboards too.

    Args:
        benchmark: the benchmark.
        folder: of the records; None: the one next to the benchmark file.
    """
    verdict = verify_records(benchmark, folder)
    if verdict.problems:
        return verdict
    try:
        table = standings(benchmark, verdict.records)
        problems = [*_unmet(benchmark, table), *_outdated(benchmark, verdict.folder, table)]
    except XdistillError as error:
        problems = [f"{verdict.folder}: {error}"]
    return Verdict(verdict.folder, verdict.records, tuple(problems), verdict.remarks)


def _unmet(benchmark: Benchmark, table: Standings) -> Iterator[str]:
    for expectation in table.expectations:
        if expectation.holds is False:
            yield f"{benchmark.path}: the control does not hold: {expectation.text} ({expectation.evidence})"


def _outdated(benchmark: Benchmark, folder: Path, table: Standings) -> Iterator[str]:
    """Leaderboards next to the records or the benchmark file that differ from what the records generate."""
    from xdistill.bench.export import render

    for path in dict.fromkeys((folder / LEADERBOARD, benchmark.path.parent / LEADERBOARD)):
        figure = path.with_name(f"{benchmark.name}.svg")
        shown = figure.name if figure.is_file() else ""
        if path.is_file() and render(table, "md", figure=shown).strip() not in read_text(path, JSON):
            yield (
                f"{path}: differs from what the records of {benchmark.name!r} generate; write it again with `xdistill "
                f"bench export --from records --format md --output {path.name}`"
            )
