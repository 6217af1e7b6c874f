"""Arguments and options that several commands of `xdistill bench` share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A benchmark file.")]

FromOption = Annotated[
    Literal["records", "runs"] | None,
    typer.Option(
        "--from", help="Use the records next to the benchmark file, or runs; default: runs, if there are any."
    ),
]

RepeatsOption = Annotated[
    int | None, typer.Option("--repeats", min=1, metavar="N", help="Another number of repeats, for a quick try.")
]

TrialsOption = Annotated[
    int | None,
    typer.Option("--trials", min=1, metavar="N", help="Tune each entry within the outer splits, with N trials."),
]

FoldsOption = Annotated[
    int | None, typer.Option("--folds", min=2, metavar="N", help="Another number of folds, for a quick try.")
]
