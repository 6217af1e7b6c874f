"""``xdistill data profile``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xdistill.cli import options as shared
from xdistill.cli.data.options import CacheOption

if TYPE_CHECKING:
    from xdistill.profiling import ColumnProfile, Profile

EXAMPLES = (
    "xdistill data profile clinic.csv --label MVI",
    "xdistill data profile clinic.xlsx --sheet Labor --html profile.html",
    "xdistill data profile mvi_hcc --json",
)
_RECIPES = {".yaml", ".yml"}


def profile(
    source: Annotated[
        str, typer.Argument(metavar="FILE|RECIPE", help="A table (CSV, TSV, XLSX, Parquet), or a recipe.")
    ],
    label: Annotated[
        str, typer.Option(metavar="COLUMN", help="The label of a table, for warnings about columns that predict it.")
    ] = "",
    subject: Annotated[str, typer.Option(metavar="COLUMN", help="The ids of a table.")] = "",
    patient: Annotated[str, typer.Option(metavar="COLUMN", help="The patients of a table.")] = "",
    split: Annotated[str, typer.Option(metavar="COLUMN", help="The parts of a given split.")] = "",
    delimiter: Annotated[str | None, typer.Option(help="Separator of cells; default: detected.")] = None,
    encoding: Annotated[str | None, typer.Option(help="Of the text; default: detected.")] = None,
    sheet: Annotated[str | None, typer.Option(help="Of a workbook; default: the only one.")] = None,
    header_row: Annotated[int | None, typer.Option(min=1, help="Line or row of the header.")] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page with histograms.")] = None,
    changes: shared.SetOption = None,
    cache: CacheOption = None,
    plugin: shared.PluginOption = None,
    disable_plugin: shared.DisableOption = None,
    as_json: shared.JsonOption = False,
) -> None:
    """Show each column with its type, gaps, range and oddities, and what would leak the label.

    Of a recipe, the cohort is built first, and images are compared as well: two patients with the same image, or nearly
    the same. Nothing is refused because of a warning.
    """
    from xdistill.cli.console import print_json
    from xdistill.profiling import Roles, profile_page, profile_table
    from xdistill.tables import Format, read_table

    if _is_recipe(source):
        with shared.chosen_plugins(plugin, disable_plugin):
            found = _of_recipe(source, changes or [], cache)
    else:
        form = Format(delimiter, encoding, sheet, header_row, setting="")
        roles = Roles(label=label, subject=subject, patient=patient, split=split)
        found = profile_table(read_table(Path(source), form), roles)
    if html is not None:
        _write(html, profile_page(found))
    if as_json:
        print_json(found.to_json())
    else:
        _print(found)


def _is_recipe(source: str) -> bool:
    path = Path(source)
    return path.suffix in _RECIPES or not (path.suffix or path.exists())


def _of_recipe(recipe: str, changes: list[str], cache: Path | None) -> Profile:
    from xdistill.cli.data.build import build_file
    from xdistill.data import open_cohort
    from xdistill.profiling import profile_cohort

    return profile_cohort(open_cohort(build_file(recipe, None, changes, cache, None)))


def _write(file: Path, page: str) -> None:
    from xdistill.errors import UserError

    try:
        file.write_text(page, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{file}: cannot be written: {error.strerror or error}") from error


def _print(found: Profile) -> None:
    from rich.table import Table
    from rich.text import Text

    from xdistill.cli.console import print_warning, stdout
    from xdistill.cli.data.columns import counts_text

    console = stdout()
    console.print(Text(f"{found.title}: {found.subjects} rows, {len(found.columns)} columns", style="bold"))
    for note in found.how:
        console.print(Text(f"read: {note}"))
    if found.classes:
        console.print(Text(f"classes: {counts_text(found.classes, found.unlabelled)}"))
    if found.present:
        console.print(Text("present: " + ", ".join(f"{name} {count}" for name, count in found.present.items())))
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("column", "type", "missing", "range or words", "notes"):
        table.add_column(heading, overflow="fold")
    for column in found.columns:
        cells = (column.name, type_of(column), str(column.missing or ""), column.span, "; ".join(column.remarks))
        table.add_row(*map(Text, cells))
    console.print(table)
    for caution in found.cautions:
        print_warning(str(caution))
    if not found.cautions:
        console.print(Text("no warnings"))


def type_of(column: ColumnProfile) -> str:
    """The type of a column with its unit."""
    return f"{column.type}, {column.unit}" if column.unit else column.type
