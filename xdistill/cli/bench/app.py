"""``xdistill bench``: many methods on one cohort and the same splits."""

from __future__ import annotations

import typer

from xdistill.cli.bench import compare, records, run, show
from xdistill.cli.examples import command, with_examples

app = typer.Typer(
    help=with_examples(
        "Benchmarks: run many methods on the same splits, compare them, and keep records of what came out.",
        "xdistill bench run benchmarks/mvi_hcc.yaml",
        "xdistill bench show benchmarks/mvi_hcc.yaml",
    ),
    no_args_is_help=True,
)
command(app, *run.EXAMPLES)(run.run)
command(app, *show.SHOW_EXAMPLES)(show.show)
command(app, *show.EXPORT_EXAMPLES)(show.export)
command(app, *compare.EXAMPLES)(compare.compare)
command(app, *records.SUBMIT_EXAMPLES)(records.submit)
command(app, *records.VERIFY_EXAMPLES)(records.verify)
command(app, *records.SCHEMA_EXAMPLES)(records.schema)
