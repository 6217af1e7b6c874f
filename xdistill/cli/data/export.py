"""``xdistill data export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from xdistill.cli.data.options import FileArgument
from xdistill.cli.options import QuietOption

EXAMPLES = (
    "xdistill data export cohort.h5 --to phantom/",
    "xdistill data export cohort.h5 --to new/ --modality hbp --no-labels",
)


def export(
    file: FileArgument,
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="A new folder.")],
    modality: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Write this modality; may be repeated. Default: all.")
    ] = None,
    file_format: Annotated[
        str, typer.Option("--format", help="Files of images: nifti (pictures: TIFF) or npy.")
    ] = "nifti",
    no_labels: Annotated[bool, typer.Option("--no-labels", help="Leave the column label out.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="Write the first subjects only.")] = None,
    quiet: QuietOption = False,
) -> None:
    """Write a cohort file as subjects.csv and one file per image: the layout that the data set `manifest` reads.

    Images are those of the cohort file, which are preprocessed already. Volumes are NIfTI files and pictures are TIFF
    files of 32-bit numbers; with --format npy, both are arrays.
    """
    from xdistill.cli.console import echo
    from xdistill.cli.predict import progress
    from xdistill.data import open_cohort
    from xdistill.data.export import export_cohort
    from xdistill.errors import UserError

    if file_format not in {"nifti", "npy"}:
        raise UserError(f"unknown format `{file_format}`. Valid formats: `nifti`, `npy`")
    cohort = open_cohort(file)
    count = min(limit or len(cohort), len(cohort))
    with progress(count, quiet=quiet) as report:
        table = export_cohort(
            cohort,
            to,
            modalities=modality or None,
            file_format="npy" if file_format == "npy" else "nifti",
            labels=not no_labels,
            limit=limit,
            on_progress=report,
        )
    echo(str(table))
