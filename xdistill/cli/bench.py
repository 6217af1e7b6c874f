"""``xdistill bench``: many methods on one cohort and the same splits."""

from __future__ import annotations

import typer

from xdistill.cli import bench_compare, bench_records, bench_run, bench_show
from xdistill.cli.examples import command, with_examples

app = typer.Typer(
    help=with_examples(
        "Benchmarks: run many methods on the same splits, compare them, and keep records of what came out.",
        "xdistill bench run benchmarks/mvi_hcc.yaml",
        "xdistill bench show benchmarks/mvi_hcc.yaml",
    ),
    no_args_is_help=True,
)
command(app, *bench_run.EXAMPLES)(bench_run.run)
command(app, *bench_show.SHOW_EXAMPLES)(bench_show.show)
command(app, *bench_show.EXPORT_EXAMPLES)(bench_show.export)
command(app, *bench_compare.EXAMPLES)(bench_compare.compare)
command(app, *bench_records.SUBMIT_EXAMPLES)(bench_records.submit)
command(app, *bench_records.VERIFY_EXAMPLES)(bench_records.verify)
