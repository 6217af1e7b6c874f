"""Benchmarks on generated cohorts, for the commands of ``xdistill bench``."""

from __future__ import annotations

import sys
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xdistill.bench.find import Source
    from xdistill.bench.fresh.job import CohortFinished
    from xdistill.bench.fresh.plan import FreshPlan
    from xdistill.bench.fresh.results import Found
    from xdistill.bench.fresh.table import GainTable
    from xdistill.bench.load import Benchmark
    from xdistill.bench.records.verify import Verdict


def results_folder(benchmark: Benchmark, runs: Path) -> Path:
    """The location of the results of a benchmark."""
    from xdistill.bench.run_index import notes

    return notes(benchmark, runs)


def refuse_changes(benchmark: Benchmark, **changes: object) -> None:
    """Refuse options that are about folds.

    Raises:
        UserError: naming the first of them.
    """
    from xdistill.errors import UserError

    for name, value in changes.items():
        if value:
            raise UserError(
                f"--{name} has no effect with the `fresh_test` of the benchmark {benchmark.name!r}; remove it"
            )


def run_cohorts(
    benchmark: Benchmark,
    runs: Path,
    only: list[str],
    flags: dict[str, Any],
    *,
    records: bool = False,
    quiet: bool,
) -> None:
    """Train what is missing; write and print the table."""
    from xdistill.bench.fresh.run import run_fresh
    from xdistill.errors import InterruptedRunError, UserError
    from xdistill.plugin import load_catalog

    folder, catalog = results_folder(benchmark, runs), load_catalog()
    failed: list[str] = []
    try:
        record = record_of(benchmark) if records else None
        with closing(run_fresh(benchmark, catalog, folder=folder, only=only, flags=flags, record=record)) as events:
            for number, event in enumerate(events, start=1):
                _tell(event, failed, quiet=quiet, number=number)
    except KeyboardInterrupt:
        raise InterruptedRunError("stopped. Finished results are kept; rerun the command to resume") from None
    _write(benchmark, folder)
    if failed:
        raise UserError("\n".join([f"{len(failed)} trainings failed; finished results are kept", *failed[:20]]))


def _tell(event: CohortFinished, failed: list[str], *, quiet: bool, number: int | None = None) -> None:
    """Print that a cohort is finished, and note what failed."""
    failed += [f"{event.unit}, {entry}: {why}".replace(", :", ":") for entry, why in event.failed.items()]
    if not quiet:
        trained = "1 entry" if event.trained == 1 else f"{event.trained} entries"
        place = "" if number is None else f"[{number}] "
        sys.stderr.write(f"{place}{event.unit}: {trained}, {event.seconds:.1f} s\n")
        sys.stderr.flush()


def record_of(benchmark: Benchmark) -> Path:
    """The file with the scores of all cohorts that belongs to a benchmark file."""
    from xdistill.bench.fresh.schema import SCORES

    return benchmark.records / SCORES


def check_scores(
    benchmark: Benchmark, folder: Path, *, replay: int, only: list[str], quiet: bool
) -> tuple[Verdict, str]:
    """Check the scores of all cohorts, and train entries again on `replay` cohorts.

    Returns:
        What is wrong, and what to print when nothing is.
    """
    from xdistill.bench.fresh.plan import FreshPlan
    from xdistill.bench.fresh.schema import SCORES
    from xdistill.bench.fresh.scores import read_scores
    from xdistill.bench.fresh.verify import gaps
    from xdistill.bench.records.verify import Verdict
    from xdistill.errors import XdistillError
    from xdistill.plugin import load_catalog

    for name in only:
        benchmark.entry(name)
    path = folder / SCORES
    try:
        plan = FreshPlan(benchmark, load_catalog())
        found = read_scores(plan, path)
    except XdistillError as error:
        return Verdict(folder, (), (str(error),)), ""
    problems = _trained_again(plan, found, replay, only, quiet) if replay else []
    counts = [(entry, len(results)) for cell in found.values() for entry, results in cell.items() if results]
    summary = (
        f"{path}: {sum(count for _, count in counts)} results of {len(dict(counts))} entries: each has a recipe and a "
        f"cohort of the benchmark file"
    )
    summary += "" if replay else "; whether the scores are true, --replay can show"
    return Verdict(folder, (), tuple(problems), tuple(gaps(found))), summary


def _trained_again(plan: FreshPlan, found: Mapping[str, Found], count: int, only: list[str], quiet: bool) -> list[str]:
    """Train entries again on some cohorts, print how their scores differ, and return what failed."""
    from xdistill.bench.fresh.verify import retrain
    from xdistill.cli.console import echo

    failed: list[str] = []
    again = retrain(plan, found, count=count, only=only, on_event=partial(_tell, failed=failed, quiet=quiet))
    for one in again:
        same = "the same score" if one.identical else f"{100 * one.difference:+z.2f} points"
        code = "" if one.same_code else ", with other versions or source files"
        echo(f"{one.cohort}, {one.entry}: {same}{code}")
    if again:
        mean = 100 * sum(one.difference for one in again) / len(again)
        identical = sum(one.identical for one in again)
        echo(f"{len(again)} trained again: {identical} with the same score, mean difference {mean:+z.2f} points")
    return failed


def table_of(benchmark: Benchmark, runs: Path, source: Source | None = None) -> GainTable:
    """The table of whatever is finished, or of the record."""
    from xdistill.bench.fresh.plan import FreshPlan
    from xdistill.bench.fresh.results import results_in
    from xdistill.bench.fresh.scores import read_scores
    from xdistill.bench.fresh.table import gain_table
    from xdistill.plugin import load_catalog

    plan, record = FreshPlan(benchmark, load_catalog()), record_of(benchmark)
    found = results_in(plan, results_folder(benchmark, runs))
    some = any(results for cell in found.values() for results in cell.values())
    if source == "records" or (source is None and not some and record.is_file()):
        return gain_table(plan, read_scores(plan, record))
    return gain_table(plan, found)


def _write(benchmark: Benchmark, folder: Path) -> None:
    """The table in three formats and the figure, next to the results; and the table on the terminal."""
    from xdistill.bench.export.figure import write_figure
    from xdistill.bench.fresh.figure import gain_figure
    from xdistill.bench.fresh.plan import FreshPlan
    from xdistill.bench.fresh.results import results_in
    from xdistill.bench.fresh.schema import SCORES
    from xdistill.bench.fresh.scores import scores_text
    from xdistill.bench.fresh.table import gain_table
    from xdistill.bench.fresh.text import render_gains
    from xdistill.cli.console import print_hint
    from xdistill.plugin import load_catalog
    from xdistill.runs.files import write_text

    plan = FreshPlan(benchmark, load_catalog())
    found = results_in(plan, folder)
    table = gain_table(plan, found)
    for fmt in ("md", "csv", "json"):
        write_text(folder / f"{benchmark.name}.{fmt}", render_gains(table, fmt))
    write_text(folder / SCORES, scores_text(plan, found))
    write_figure(gain_figure(table), folder / f"{benchmark.name}.svg", salt=table.name)
    print_gains(table)
    print_hint(f"{folder}: written, table and figure of {benchmark.name}, and the scores of all cohorts")


def print_gains(table: GainTable) -> None:
    """Print the table as aligned lines; nothing is taken for markup."""
    from rich.text import Text

    from xdistill.bench.fresh.text import HEADS, cells, notes
    from xdistill.cli.console import stdout

    console = stdout()
    for value in table.values:
        rows = [HEADS, *(cells(gain) for gain in table.gains if gain.value == value)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        console.print(Text(f"{table.setting}: {value}" if value else table.title, style="bold"), soft_wrap=True)
        for row in rows:
            line = "  ".join(text.rjust(width) for text, width in zip(row, widths, strict=True))
            console.print(Text(line.rstrip()), soft_wrap=True)
        console.print()
    for note in notes(table):
        console.print(Text(note, style="dim"), soft_wrap=not console.is_terminal)


def export_gains(benchmark: Benchmark, runs: Path, fmt: str, output: Path | None, source: Source | None = None) -> None:
    """Write the table to standard output, or to a file with the figure next to it."""
    from xdistill.bench.export.figure import write_figure
    from xdistill.bench.fresh.figure import gain_figure
    from xdistill.bench.fresh.text import render_gains
    from xdistill.cli.console import echo, print_hint
    from xdistill.errors import UserError
    from xdistill.runs.files import write_text

    table = table_of(benchmark, runs, source)
    text = render_gains(table, fmt)
    if output is None:
        echo(text, end="")
        return
    if not output.absolute().parent.is_dir():
        raise UserError(f"{output}: there is no folder {output.parent}; create it first")
    write_text(output, text)
    figure = output.with_suffix(".svg")
    write_figure(gain_figure(table), figure, salt=table.name)
    print_hint(f"{output}: written, with the figure {figure.name}")
