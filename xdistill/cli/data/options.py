"""Arguments and options that the commands share, and how they print sizes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A cohort file built by `xdistill data build`.")]

CacheOption = Annotated[
    Path | None,
    typer.Option(
        "--cache", metavar="DIR", help="Folder of the cohort files; default: $XDISTILL_CACHE, or the user's cache."
    ),
]


def size(count: int) -> str:
    """A number of bytes in kB or MB."""
    return f"{count / 1e6:.1f} MB" if count >= 100_000 else f"{count / 1e3:.1f} kB"  # noqa: PLR2004  # 0.1 MB
