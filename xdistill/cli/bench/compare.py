"""``xdistill bench compare``: two runs, or two entries of a benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from xdistill.cli.bench.options import FoldsOption, FromOption, RepeatsOption, TrialsOption
from xdistill.cli.options import DisableOption, PluginOption, RunsOption, chosen_plugins

if TYPE_CHECKING:
    from xdistill.bench.compare import Side
    from xdistill.stats import Row, TTest

EXAMPLES = (
    "xdistill bench compare runs/tries/kd/0a1b2c3d4e5f runs/tries/sp/5f4e3d2c1b0a",
    "xdistill bench compare kd s_pre_hbp --benchmark benchmarks/mvi_hcc.yaml",
    "xdistill bench compare kd sp --benchmark benchmarks/mvi_hcc.yaml --trials 30",
    "xdistill bench compare mine kd --benchmark my.yaml --plugin ./my_loss.py",
)


def compare(
    first: Annotated[str, typer.Argument(metavar="A", help="Folder of a run or record; with --benchmark an entry.")],
    second: Annotated[str, typer.Argument(metavar="B", help="What A is compared with.")],
    benchmark: Annotated[
        Path | None, typer.Option("--benchmark", metavar="FILE", help="The benchmark file of the entries.")
    ] = None,
    source: FromOption = None,
    repeats: RepeatsOption = None,
    folds: FoldsOption = None,
    trials: TrialsOption = None,
    runs: RunsOption = Path("runs"),
    role: Annotated[
        Literal["student", "teacher"], typer.Option(help="The network to compare; entries name their own.")
    ] = "student",
    plugin: PluginOption = None,
    disable_plugin: DisableOption = None,
) -> None:
    """Compare two methods on the same splits: scores, the paired difference A - B, its intervals and tests."""
    from xdistill.bench.compare import compare_two

    changes = {"repeats": repeats, "folds": folds, "trials": trials}
    with chosen_plugins(plugin, disable_plugin):
        if benchmark is None:
            _refuse(changes)
            sides = (_run_side(first, role), _run_side(second, role))
        else:
            sides = _entry_sides(benchmark, first, second, source, changes, runs)
        _print(sides, compare_two(*sides))


def _refuse(changes: dict[str, int | None]) -> None:
    """Two folders are what they are; only of a benchmark there are several runs to choose from."""
    from xdistill.errors import UserError

    for name, value in changes.items():
        if value is not None:
            raise UserError(
                f"--{name} selects runs of a benchmark, and A and B are folders; name the benchmark file with "
                f"--benchmark, and entries instead of folders"
            )


def _run_side(folder: str, role: str) -> Side:
    from xdistill.bench.compare import Side
    from xdistill.bench.find import one_record

    record = one_record(Path(folder))
    return Side(f"{record.entry} ({record.facts['run']})", (record,), role)


def _entry_sides(
    file: Path,
    first: str,
    second: str,
    source: Literal["records", "runs"] | None,
    changes: dict[str, int | None],
    runs: Path,
) -> tuple[Side, Side]:
    from xdistill.bench.compare import Side
    from xdistill.bench.find import records_of_entry, results
    from xdistill.bench.load import load_benchmark

    benchmark = load_benchmark(file).with_splits(**changes)
    roles = [benchmark.entry(name).role for name in (first, second)]
    found = results(benchmark, source=source, runs=runs)
    one, other = (
        Side(name, records_of_entry(benchmark, name, found), role)
        for name, role in zip((first, second), roles, strict=True)
    )
    return one, other


def _print(sides: tuple[Side, Side], rows: tuple[tuple[Row, Row], ...]) -> None:
    from rich.text import Text

    from xdistill.bench.export.wording import style_of, title_for
    from xdistill.bench.table import units_of
    from xdistill.cli.console import stdout
    from xdistill.report.scores import FEWEST
    from xdistill.tasks import Classification

    console = stdout()
    splits = len(rows[0][0].scores.folds)
    task = sides[0].records[0].splits.task
    classes = task.names if isinstance(task, Classification) else ()
    units = units_of(task)
    console.print(Text(f"A: {sides[0].name}\nB: {sides[1].name}\n"), soft_wrap=True)
    for first, second in rows:
        console.print(
            Text(
                style_of(first.metric).head(title_for(first.metric, classes, units.get(first.metric, ""))), style="bold"
            ),
            soft_wrap=True,
        )
        for line in _lines(first, second):
            console.print(Text(f"  {line}"), soft_wrap=True)
    mean = "Mean ± standard deviation (ddof 1)" if splits >= FEWEST else "Mean"
    in_percent = all(style_of(first.metric).percent for first, _ in rows)
    percent = ", in percent; differences in percentage points" if in_percent else ""
    console.print(
        Text(f"\n{mean} over {splits} splits{percent}; 95 % intervals. The corrected test decides."),
        soft_wrap=True,
    )


def _lines(first: Row, second: Row) -> list[str]:
    from xdistill.bench.export import wording

    assert first.against is not None  # noqa: S101 - the second is its reference
    against = first.against
    scores = (("A", first), ("B", second))
    metric, style = first.metric, wording.style_of(first.metric)
    bootstrap = wording.interval(against.difference, metric, signed=True)
    lines = [
        *(
            f"{label}      {wording.score(row.scores, metric)}, interval {wording.interval(row.interval, metric)}"
            for label, row in scores
        ),
        f"A - B  {wording.points(against.difference.estimate, metric)}{style.points}, bootstrap {bootstrap}",
        _test(against.test, metric),
    ]
    if against.paper_compat is not None:
        lines.append(f"{_test(against.paper_compat, metric)}; paper_compat, decides nothing")
    return lines


def _test(test: TTest, metric: str) -> str:
    from xdistill.bench.export import wording

    if test.interval is None:
        return f"{test.kind}: not defined, all differences are the same"
    shown = f"{wording.interval(test.interval, metric, signed=True)}{wording.style_of(metric).points}"
    return f"{test.kind}: {shown}, p {wording.p_value(test.p_value)}"
