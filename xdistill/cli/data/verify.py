"""``xdistill data verify``."""

from __future__ import annotations

import typer

from xdistill.cli.data.options import FileArgument
from xdistill.cli.options import JsonOption

EXAMPLES = ("xdistill data verify ~/.cache/xdistill/hcc_phantom-0123456789abcdef.h5",)


def verify(file: FileArgument, as_json: JsonOption = False) -> None:
    """Check every value of a cohort file against its checksums; exit code 2 when something differs."""
    from xdistill.cli.console import echo, print_error, print_hint, print_json
    from xdistill.data import open_cohort, verify_cohort

    problems = verify_cohort(file)
    notes = () if problems else open_cohort(file).notes
    if as_json:
        print_json({"path": str(file), "problems": problems, **({"notes": list(notes)} if notes else {})})
    elif not problems:
        echo(f"{file}: all values match their checksums")
    for note in notes:
        print_hint(note)
    for problem in problems:
        print_error(problem)
    if problems:
        raise typer.Exit(2)
