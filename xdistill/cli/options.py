"""Arguments and options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

RecipeArgument = Annotated[
    str,
    typer.Argument(metavar="RECIPE", help="A recipe file, or the name of a bundled recipe such as mvi_hcc."),
]

ProfileOption = Annotated[
    str | None,
    typer.Option("--profile", metavar="NAME", help="A profile of the recipe, such as paper, to lay over it."),
]

SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="FIELD=VALUE",
        help="Change a field, as in --set optimizer.lr=1e-4 or --set stages.joint.epochs=3; may be repeated.",
    ),
]

JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as one JSON document, for programs.")]
