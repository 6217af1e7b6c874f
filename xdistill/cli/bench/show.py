"""``xdistill bench show`` and ``xdistill bench export``: tables of what came out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from xdistill.cli.bench.fresh import export_gains, print_gains, refuse_changes, table_of
from xdistill.cli.bench.options import FileArgument, FoldsOption, FromOption, RepeatsOption, TrialsOption
from xdistill.cli.options import RunsOption

if TYPE_CHECKING:
    from xdistill.bench.load import Benchmark
    from xdistill.bench.standings import Standings

SHOW_EXAMPLES = (
    "xdistill bench show benchmarks/mvi_hcc.yaml",
    "xdistill bench show benchmarks/mvi_hcc.yaml --from records",
    "xdistill bench show benchmarks/mvi_hcc.yaml --trials 30",
)
EXPORT_EXAMPLES = (
    "xdistill bench export benchmarks/mvi_hcc.yaml --format html -o page.html",
    "xdistill bench export benchmarks/mvi_hcc.yaml --from records --format md",
    "xdistill bench export benchmarks/mvi_hcc.yaml --trials 30 --format md",
    "xdistill bench export benchmarks/gain.yaml --format csv -o gain.csv",
)

_KINDS: Final = {
    "md": "Markdown tables",
    "html": "a page",
    "csv": "CSV with one row per entry and metric",
    "json": "JSON",
    "latex": "a LaTeX table",
}


def show(
    file: FileArgument,
    source: FromOption = None,
    repeats: RepeatsOption = None,
    folds: FoldsOption = None,
    trials: TrialsOption = None,
    runs: RunsOption = Path("runs"),
) -> None:
    """Print the table of a benchmark: scores, intervals, and the comparison with the reference.

    Everything is computed from per-subject predictions. To show runs made with --repeats, --folds or --trials, pass the
    same options.
    """
    from xdistill.cli.bench.standings import print_standings

    changes = {"repeats": repeats, "folds": folds, "trials": trials}
    fresh = _on_cohorts(file, changes)
    if fresh is not None:
        print_gains(table_of(fresh, runs, source))
        return
    print_standings(_standings(file, source, changes, runs, None))


def export(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Benchmark files; several only with --format md.")
    ],
    fmt: Annotated[Literal["md", "html", "csv", "json", "latex"], typer.Option("--format", help="What to write.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="PATH", help="File to write; default: standard output.")
    ] = None,
    source: FromOption = None,
    repeats: RepeatsOption = None,
    folds: FoldsOption = None,
    trials: TrialsOption = None,
    runs: RunsOption = Path("runs"),
) -> None:
    """Write the table of a benchmark as a page or for other programs.

    A Markdown file begins with a figure, which is written next to it as NAME.svg, NAME being the benchmark's.
    """
    from xdistill.bench.export import render
    from xdistill.cli.console import echo, print_hint
    from xdistill.errors import UserError
    from xdistill.runs.files import write_text

    if len(files) > 1 and fmt != "md":
        raise UserError(f"--format {fmt} holds one benchmark; name one file, or write Markdown")
    changes = {"repeats": repeats, "folds": folds, "trials": trials}
    fresh = _on_cohorts(files[0], changes) if len(files) == 1 else None
    if fresh is not None:
        export_gains(fresh, runs, fmt, output, source)
        return
    found = [_standings(file, source, changes, runs, output) for file in files]
    figures = [f"{standings.name}.svg" if fmt == "md" and output is not None else "" for standings in found]
    texts = [render(standings, fmt, figure=figure) for standings, figure in zip(found, figures, strict=True)]
    text = "\n".join(text.rstrip("\n") + "\n" for text in texts)
    if output is None:
        echo(text, end="", escape=r"\u{:04x}" if fmt == "json" else "")
    elif not output.absolute().parent.is_dir():
        raise UserError(f"{output}: there is no folder {output.parent}; create it first")
    else:
        write_text(output, text, option="--output")
        if fmt == "md":
            _write_figures(found, output.parent)
        print_hint(f"{output}: written, {_KINDS[fmt]} of {'; '.join(map(_content, found))}")


def _write_figures(found: list[Standings], folder: Path) -> None:
    from xdistill.bench.export.figure import standings_figure, write_figure

    for standings in found:
        write_figure(standings_figure(standings), folder / f"{standings.name}.svg", salt=standings.name)


def _on_cohorts(file: Path, changes: dict[str, int | None]) -> Benchmark | None:
    """The benchmark of a file if it is one on generated cohorts."""
    from xdistill.bench.load import load_benchmark

    benchmark = load_benchmark(file)
    if benchmark.file.fresh_test is None:
        return None
    refuse_changes(benchmark, **changes)
    return benchmark


def _content(standings: Standings) -> str:
    """What a table holds, in words."""
    count = len(standings.entries)
    return f"{standings.name} ({count} {'entry' if count == 1 else 'entries'})"


def _standings(
    file: Path,
    source: Literal["records", "runs"] | None,
    changes: dict[str, int | None],
    runs: Path,
    page: Path | None,
) -> Standings:
    from xdistill.bench.find import results
    from xdistill.bench.load import load_benchmark
    from xdistill.bench.table import standings

    benchmark = load_benchmark(file).with_splits(**changes)
    return standings(benchmark, results(benchmark, source=source, runs=runs), page=page)
