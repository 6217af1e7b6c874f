"""``xdistill data clean``: remove the teachers that are kept for other runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from xdistill.cli.options import JsonOption

EXAMPLES = (
    "xdistill data clean",
    "xdistill data clean --dry-run --json",
    "xdistill data clean --cache /fast/disk",
)


def clean(
    cache: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of the cohort files; default: $XDISTILL_CACHE, or the user's cache."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what there is, and remove nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove trained teachers and outputs of frozen ones that are kept for other runs; cohort files stay.

    Runs that are at work go on, and whatever is needed again is computed again.
    """
    from xdistill.cli.console import print_json
    from xdistill.cli.data import size
    from xdistill.distillation.teacher_cache.store import FOLDER, cached_files, clear
    from xdistill.folders import default_cache_dir

    folder = (cache or default_cache_dir()) / FOLDER
    files = list(cached_files(folder))
    if not dry_run:
        clear(folder)
    teachers = sum(file.path.suffix == ".safetensors" for file in files)
    outputs = sum(file.path.suffix == ".h5" for file in files)
    total = sum(file.size for file in files)
    path = str(folder.absolute())
    if as_json:
        print_json({"path": path, "removed": not dry_run, "teachers": teachers, "outputs": outputs, "bytes": total})
        return
    removed = "" if dry_run else ", removed"
    typer.echo(f"{path}: {teachers} trained teachers, {outputs} files of outputs, {size(total)}{removed}")
