"""``xdistill plugins``: what recipes can name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from xdistill.cli.examples import command, with_examples

if TYPE_CHECKING:
    from xdistill.plugin.index import Listing

app = typer.Typer(
    help=with_examples("What the installed plugins offer to recipes.", "xdistill plugins list"), no_args_is_help=True
)


@app.callback()
def _root() -> None:
    """What the installed plugins offer to recipes."""


@command(
    app,
    "xdistill plugins list",
    "xdistill plugins list --kind distillation_loss",
    "xdistill plugins list --json",
    name="list",
)
def list_components(
    kind: Annotated[str | None, typer.Option(help="Only components of this kind.")] = None,
    disable_plugin: Annotated[
        list[str] | None, typer.Option(help="Leave out a plugin, by the name of its entry point; repeatable.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List every component that recipes can name, by kind."""
    from dataclasses import asdict

    from xdistill.cli.console import print_json
    from xdistill.errors import PluginError
    from xdistill.folders import default_cache_dir
    from xdistill.plugin.index import listings
    from xdistill.plugin.kinds import BY_NAME

    if kind is not None and kind not in BY_NAME:
        raise PluginError(f"there is no kind {kind!r}; there are: {', '.join(BY_NAME)}")
    found = [
        row for row in listings(default_cache_dir(), disabled=disable_plugin or ()) if kind is None or row.kind == kind
    ]
    if as_json:
        print_json([asdict(row) for row in found])
    else:
        _print(found)


def _print(found: list[Listing]) -> None:
    import sys

    if not sys.stdout.isatty():
        for row in found:
            typer.echo(f"{row.kind}\t{row.name}\t{row.distribution} {row.version}\t{row.summary}")
        return
    from rich.table import Table
    from rich.text import Text

    from xdistill.cli.console import stdout

    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("kind", "name", "what it is", "from"):
        table.add_column(heading, overflow="fold")
    last = ""
    for row in found:
        table.add_row(
            Text(row.kind if row.kind != last else "", style="dim"),
            Text(row.name, style="bold"),
            Text(row.summary),
            Text(f"{row.distribution} {row.version}", style="dim"),
        )
        last = row.kind
    stdout().print(table)
