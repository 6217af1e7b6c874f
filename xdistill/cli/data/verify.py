"""``xdistill data verify``."""

from __future__ import annotations

import typer

from xdistill.cli.data.options import FileArgument
from xdistill.cli.options import JsonOption

EXAMPLES = ("xdistill data verify ~/.cache/xdistill/hcc_phantom-0123456789abcdef.h5",)


def verify(file: FileArgument, as_json: JsonOption = False) -> None:
    """Check every value of a cohort file against its checksums; exit code 2 when something differs."""
    from xdistill.cli.console import print_error, print_json
    from xdistill.data import verify_cohort

    problems = verify_cohort(file)
    if as_json:
        print_json({"path": str(file), "problems": problems})
    elif not problems:
        typer.echo(f"{file}: all values match their checksums")
    for problem in problems:
        print_error(problem)
    if problems:
        raise typer.Exit(2)
