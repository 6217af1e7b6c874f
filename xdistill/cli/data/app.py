"""``xdistill data``: profile tables, build, inspect, verify and export cohort files, and remove cached teachers."""

from __future__ import annotations

import typer

from xdistill.cli.data import build, clean, dicom, export, inspect, profile, verify
from xdistill.cli.examples import command, with_examples

app = typer.Typer(
    help=with_examples("Build, inspect, verify and export cohort files.", "xdistill data build mvi_hcc"),
    no_args_is_help=True,
)
command(app, *profile.EXAMPLES)(profile.profile)
command(app, *build.EXAMPLES)(build.build)
command(app, *inspect.EXAMPLES)(inspect.inspect)
command(app, *verify.EXAMPLES)(verify.verify)
command(app, *export.EXAMPLES)(export.export)
command(app, *clean.EXAMPLES)(clean.clean)
command(app, *dicom.EXAMPLES)(dicom.dicom)
