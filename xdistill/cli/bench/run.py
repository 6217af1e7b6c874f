"""``xdistill bench run``: the entries of a benchmark, one after the other."""

from __future__ import annotations

import sys
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xdistill.cli.bench.fresh import refuse_changes, run_cohorts
from xdistill.cli.bench.options import FileArgument, FoldsOption, RepeatsOption, TrialsOption
from xdistill.cli.options import (
    AddressOption,
    CacheOption,
    DisableOption,
    ExecutorOption,
    PluginOption,
    QuietOption,
    RunsOption,
    chosen_plugins,
)
from xdistill.untrusted.text import printable

if TYPE_CHECKING:
    from xdistill.bench.entry import EntryFailed
    from xdistill.bench.load import Benchmark
    from xdistill.cli.progress import Listen
    from xdistill.crossval.events import Event

EXAMPLES = (
    "xdistill bench run benchmarks/mvi_hcc.yaml",
    "xdistill bench run benchmarks/mvi_hcc.yaml --only cmdnet --only kd",
    "xdistill bench run benchmarks/mvi_hcc.yaml --repeats 1 --jobs 8",
    "xdistill bench run benchmarks/mvi_hcc.yaml --executor ray --whole",
    "xdistill bench run benchmarks/mvi_hcc.yaml --only cmdnet --trials 30",
    "xdistill bench run benchmarks/gain.yaml --jobs 2",
    "xdistill bench run benchmarks/gain.yaml --from-records --jobs 2",
    "xdistill bench run my_benchmark.yaml --plugin ./my_loss.py",
)


def run(
    file: FileArgument,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="NAME", help="Run this entry alone; may be repeated.")
    ] = None,
    repeats: RepeatsOption = None,
    folds: FoldsOption = None,
    trials: TrialsOption = None,
    studies: Annotated[Path, typer.Option(metavar="DIR", help="Folder of all studies, for --trials.")] = Path("tune"),
    jobs: Annotated[int | None, typer.Option(min=1, help="Folds that run at the same time.")] = None,
    executor: ExecutorOption = None,
    address: AddressOption = None,
    whole: Annotated[
        bool, typer.Option("--whole", help="Run whole entries in parallel, instead of the folds of one entry.")
    ] = False,
    runs: RunsOption = Path("runs"),
    cache: CacheOption = None,
    plugin: PluginOption = None,
    disable_plugin: DisableOption = None,
    records: Annotated[
        bool,
        typer.Option("--from-records", help="With `fresh_test`: count what the records hold as finished, and go on."),
    ] = False,
    quiet: QuietOption = False,
) -> None:
    """Run the entries of a benchmark, one after the other, on one cohort and the same splits.

    Rerun the command to resume a benchmark that was stopped; finished runs are not repeated. If an entry fails, the
    others still run. With --trials, every entry whose recipe has a search space is tuned with the same number of
    trials; the others run without a search.
    """
    from xdistill.bench.load import load_benchmark
    from xdistill.errors import UserError

    benchmark = load_benchmark(file)
    flags = {"executor.use": executor, "executor.address": address, "executor.jobs": jobs}
    if benchmark.file.fresh_test is not None:
        refuse_changes(benchmark, folds=folds, repeats=repeats, trials=trials, whole=whole, cache=cache)
        given = {name: value for name, value in flags.items() if value is not None}
        with chosen_plugins(plugin, disable_plugin):
            run_cohorts(benchmark, runs, only or [], given, records=records, quiet=quiet)
        return
    if records:
        raise UserError("--from-records is for benchmarks with `fresh_test`; remove it")
    benchmark = benchmark.with_splits(folds=folds, repeats=repeats, trials=trials)
    with chosen_plugins(plugin, disable_plugin):
        failed = _run(
            benchmark,
            runs,
            cache,
            only or [],
            {name: value for name, value in flags.items() if value is not None},
            studies,
            whole=whole,
            quiet=quiet,
        )
    _show(benchmark, runs)
    _tell(benchmark, failed)


def _run(
    benchmark: Benchmark,
    runs: Path,
    cache: Path | None,
    only: list[str],
    flags: dict[str, Any],
    studies: Path,
    *,
    whole: bool,
    quiet: bool,
) -> list[EntryFailed]:
    from xdistill.bench.entry import EntryFailed
    from xdistill.bench.run import run_benchmark
    from xdistill.errors import InterruptedRunError
    from xdistill.plugin import load_catalog

    failed: list[EntryFailed] = []
    try:
        options: dict[str, Any] = {"runs": runs, "cache": cache, "only": only, "flags": flags, "studies": studies}
        events = run_benchmark(benchmark, load_catalog(), **options, whole=whole)
        with ExitStack() as stack, closing(events):
            display = Display(stack, quiet=quiet, bars=not whole)
            for event in events:
                display.listen(event)
                if isinstance(event, EntryFailed):
                    failed.append(event)
    except KeyboardInterrupt:
        raise InterruptedRunError("stopped. Finished results are kept; rerun the command to resume") from None
    return failed


class Display:
    """The progress of one entry at a time, under a line that says which it is; without bars, the lines alone."""

    def __init__(self, stack: ExitStack, *, quiet: bool, bars: bool = True) -> None:
        self.stack = stack
        self.quiet = quiet
        self.bars = bars
        self.inner: Listen = lambda _event: None

    def listen(self, event: Event) -> None:
        """Show one event."""
        from xdistill.bench.entry import EntryFailed, EntryFinished, EntryStarted
        from xdistill.cli.tune.progress import tune_listener

        match event:
            case EntryStarted():
                self.stack.close()
                self._say(f"[{event.place}/{event.total}] {event.entry}, seed {event.seed}")
                self.inner = self.stack.enter_context(tune_listener(quiet=self.quiet or not self.bars))
            case EntryFinished():
                self.stack.close()
                self._say(f"{event.entry}: finished, {event.path}")
            case EntryFailed():
                self.stack.close()
                self._say(f"{event.entry}: failed; the other entries continue")
            case _:
                self.inner(event)

    def _say(self, text: str) -> None:
        if not self.quiet:
            sys.stderr.write(printable(text) + "\n")
            sys.stderr.flush()


def _show(benchmark: Benchmark, runs: Path) -> None:
    """The table of whatever is finished."""
    from xdistill.bench.run_index import known_runs, records_of_runs
    from xdistill.bench.table import standings
    from xdistill.cli.bench.standings import print_standings

    if known_runs(benchmark, runs):
        print_standings(standings(benchmark, records_of_runs(benchmark, runs)))


def _tell(benchmark: Benchmark, failed: list[EntryFailed]) -> None:
    from xdistill.errors import UserError

    if failed:
        lines = [f"{event.entry}, seed {event.seed}: {event.message}" for event in failed]
        count = "1 run" if len(failed) == 1 else f"{len(failed)} runs"
        raise UserError(
            "\n".join([f"{count} of the benchmark {benchmark.name!r} failed; finished runs are kept", *lines])
        )
