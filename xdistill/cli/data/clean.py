"""``xdistill data clean``."""

from __future__ import annotations

from typing import Annotated

import typer

from xdistill.cli.data.options import CacheOption, size
from xdistill.cli.options import JsonOption

EXAMPLES = (
    "xdistill data clean",
    "xdistill data clean --dry-run --json",
    "xdistill data clean --cache /fast/disk",
)


def clean(
    cache: CacheOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would be removed, and remove nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove cached teachers and cached teacher outputs; cohort files stay.

    It is safe while runs are in progress: whatever they need again is computed again.
    """
    from xdistill.cli.console import echo, print_json
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
    echo(f"{path}: {teachers} trained teachers, {outputs} files of outputs, {size(total)}{removed}")
