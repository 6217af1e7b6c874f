"""``xdistill plugins``: what recipes can name, and a start for more of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xdistill.cli.examples import command, with_examples
from xdistill.cli.options import DisableOption, JsonOption, PluginOption, chosen_plugins

if TYPE_CHECKING:
    from xdistill.plugin import Entry
    from xdistill.plugin.describe import FieldText
    from xdistill.plugin.index import Listing

app = typer.Typer(
    help=with_examples(
        "List the components of the installed plugins, and create new plugins.",
        "xdistill plugins list",
        "xdistill plugins show distillation_loss class_kl",
        "xdistill plugins new my-loss --kind distillation_loss",
    ),
    no_args_is_help=True,
)


@app.callback()
def _root() -> None:
    """List the components of the installed plugins."""


@command(
    app,
    "xdistill plugins list",
    "xdistill plugins list --kind distillation_loss",
    "xdistill plugins list --json",
    name="list",
)
def list_components(
    kind: Annotated[str | None, typer.Option(help="Only components of this kind.")] = None,
    plugin: PluginOption = None,
    disable_plugin: DisableOption = None,
    as_json: JsonOption = False,
) -> None:
    """List every component that recipes can name, by kind."""
    from dataclasses import asdict

    from xdistill.cli.console import print_hint, print_json
    from xdistill.folders import default_cache_dir
    from xdistill.plugin.index import listings
    from xdistill.plugin.kinds import kind_named

    if kind is not None:
        kind_named(kind)
    with chosen_plugins(plugin, disable_plugin):
        found = [row for row in listings(default_cache_dir()) if kind is None or row.kind == kind]
    if as_json:
        print_json([asdict(row) for row in found])
    elif found:
        _print(found)
    else:
        print_hint(_none_found(kind or "distillation_loss"))


@command(
    app,
    "xdistill plugins show distillation_loss class_kl",
    "xdistill plugins show encoder mri_only --json",
)
def show(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="The kind of component, such as distillation_loss.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name that recipes use.")],
    plugin: PluginOption = None,
    disable_plugin: DisableOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one component: what it is, its settings, where it comes from, and how a recipe names it."""
    from xdistill.cli.console import print_json
    from xdistill.errors import PluginError
    from xdistill.interfaces.component import UnknownComponentError
    from xdistill.plugin import load_catalog
    from xdistill.plugin.describe import example, fields

    with chosen_plugins(plugin, disable_plugin):
        catalog = load_catalog()
        try:
            entry = catalog.entry(kind, name)
        except UnknownComponentError as error:
            raise PluginError(str(error)) from None
        settings, block = fields(entry.component.Config), example(entry, catalog)
    if as_json:
        print_json(_document(entry, settings, block))
    else:
        _print_component(entry, settings, block)


@command(
    app,
    "xdistill plugins new my-loss --kind distillation_loss",
    "xdistill plugins new my-encoder --kind encoder --to plugins",
)
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Lower-case words joined by -, such as my-loss.")],
    kind: Annotated[
        str, typer.Option(metavar="KIND", help="The kind of its component, such as distillation_loss or encoder.")
    ],
    to: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Folder in which the plugin's folder is created.")
    ] = Path(),
    as_json: JsonOption = False,
) -> None:
    """Create a new plugin: an installable package of one module, with tests and a README.

    Existing files are never overwritten.
    """
    from xdistill.cli.console import echo, print_hint, print_json
    from xdistill.plugin.scaffold import write_plugin

    files = write_plugin(name, kind, parent=to)
    folder = files[0].parent
    if as_json:
        print_json({"folder": str(folder), "files": [str(file) for file in files]})
        return
    for file in files:
        echo(str(file))
    print_hint(f"next: pip install -e {folder}, then xdistill plugins show {kind} {name.replace('-', '_')}")


def _none_found(kind: str) -> str:
    words = kind.replace("_", " ")
    new = f"xdistill plugins new my-{kind.replace('_', '-')} --kind {kind}"
    return f"no installed plugin offers {'an' if words[0] in 'aeiou' else 'a'} {words}; to write one: {new}"


def _document(entry: Entry, settings: list[FieldText], block: dict[str, Any] | None) -> dict[str, Any]:
    from dataclasses import asdict

    from xdistill.plugin.describe import docstring, source_file

    file = source_file(entry.component)
    return {
        "kind": entry.kind,
        "name": entry.name,
        "about": docstring(entry.component),
        "settings": [asdict(field) for field in settings],
        "plugin": entry.plugin,
        "distribution": entry.distribution,
        "version": entry.version,
        "class": f"{entry.component.__module__}.{entry.component.__qualname__}",
        "file": None if file is None else str(file),
        "example": block,
    }


def _print_component(entry: Entry, settings: list[FieldText], block: dict[str, Any] | None) -> None:
    from rich.table import Table
    from rich.text import Text

    from xdistill.cli.console import stdout
    from xdistill.plugin.describe import docstring, in_recipe, place_in_recipe, source_file
    from xdistill.recipe.yaml.writer import write_yaml

    console = stdout()
    console.print(Text(f"{entry.kind} ", style="dim") + Text(entry.name, style="bold"))
    console.print(Text(f"\n{docstring(entry.component)}\n"))
    if settings:
        table = Table(box=None, padding=(0, 2, 0, 0))
        for heading in ("setting", "type", "default", "what it is"):
            table.add_column(heading, overflow="fold")
        for field in settings:
            table.add_row(
                Text(field.name, style="bold"), Text(field.type), Text(field.default), Text(field.description)
            )
        console.print(table)
    else:
        console.print(Text("It has no settings."))
    console.print(Text(f"\nfrom {entry.distribution} {entry.version}, plugin {entry.plugin}", style="dim"))
    console.print(Text(str(source_file(entry.component) or "no file"), style="dim"))
    if block is not None:
        place = place_in_recipe(entry.kind)
        heading = f"in a recipe, {place}:" if place else "in a recipe:"
        console.print(Text(f"\n{heading}\n{write_yaml(in_recipe(entry.kind, block))}"), end="")


def _print(found: list[Listing]) -> None:
    import sys

    from xdistill.cli.console import echo

    if not sys.stdout.isatty():
        for row in found:
            echo(f"{row.kind}\t{row.name}\t{row.distribution} {row.version}\t{row.summary}")
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
