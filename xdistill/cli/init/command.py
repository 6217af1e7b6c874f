"""``xdistill init``: a first recipe for a table or a folder."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xdistill.cli import options as shared
from xdistill.untrusted import TABLE, read_bytes

if TYPE_CHECKING:
    from xdistill.cli.init.plan import Plan
    from xdistill.experiment.plans import Experiment

EXAMPLES = (
    "xdistill init patients.csv",
    "xdistill init patients.csv --yes --label MVI --to liver.yaml",
    "xdistill init genes.csv --privileged gene1 --privileged gene2 --yes",
    "xdistill init scans/ --yes",
)


@dataclass(frozen=True)
class _Source:
    """The table, and its content if it has yet to be written."""

    path: Path
    content: str = ""


def init(
    source: Annotated[
        Path, typer.Argument(metavar="TABLE|FOLDER", help="A table (CSV, TSV, XLSX, Parquet), or a folder.")
    ],
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FILE", help="The recipe; default: named as the table, next to it.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing: decide by names and contents.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a recipe that exists.")] = False,
    label: Annotated[str | None, typer.Option(metavar="COLUMN", help="The class, or the number, to predict.")] = None,
    subject: Annotated[str | None, typer.Option(metavar="COLUMN", help="The ids, one per row.")] = None,
    patient: Annotated[str | None, typer.Option(metavar="COLUMN", help="The patients.")] = None,
    split: Annotated[str | None, typer.Option(metavar="COLUMN", help="Says train, val or test.")] = None,
    fold: Annotated[str | None, typer.Option(metavar="COLUMN", help="The fold that tests a subject.")] = None,
    site: Annotated[str | None, typer.Option(metavar="COLUMN", help="The hospital.")] = None,
    privileged: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="A column that only the teacher reads; may be repeated."),
    ] = None,
    as_json: shared.JsonOption = False,
) -> None:
    """Look at a table or a folder, and write a commented recipe that runs.

    Columns are found by name and content, and shown; then each is asked for, unless --yes. The recipe is checked before
    it is kept. A folder with one folder of images per class gets a table, cohort.csv, as well.
    """
    from xdistill.cli.console import print_hint, print_json
    from xdistill.cli.init.ask import role_of

    found = _find(source)
    target = to or found.path.with_suffix(".yaml")
    _check_free(target, force=force)
    given = {"label": label, "subject": subject, "patient": patient, "split": split, "fold": fold, "site": site}
    named = {role: name for role, name in given.items() if name is not None}
    with _written(found.path, found.content):
        plan, columns = _plan(found.path, named, tuple(privileged or ()), ask=not yes)
        experiment = _write(plan, found.path, target)
    if as_json:
        roles = {column: role_of(plan, column) for column in columns}
        print_json({"recipe": str(target), "table": str(found.path), "columns": roles, "check": experiment.summary()})
        return
    print_hint(f"wrote {target}; next: xdistill recipe check {target}, then xdistill run {target}")


def _find(source: Path) -> _Source:
    from xdistill.cli.init.folder import WRITTEN, table_in, table_of_classes

    if not source.is_dir():
        return _Source(source)
    table = table_in(source)
    return _Source(source / WRITTEN, table_of_classes(source)) if table is None else _Source(table)


def _check_free(target: Path, *, force: bool) -> None:
    from xdistill.errors import UserError

    if target.exists() and not force:
        raise UserError(f"{target}: exists already; pass --force to overwrite it, or --to another file")
    if target.is_dir() or not target.parent.is_dir():
        raise UserError(f"{target}: name a file in a folder that exists (--to)")


class _written:  # noqa: N801 - reads as a verb
    """Writes a new file, and removes it again after an error."""

    def __init__(self, path: Path, content: str) -> None:
        self.path, self.content = path, content

    def __enter__(self) -> None:
        if self.content:
            _put(self.path, self.content)

    def __exit__(self, kind: object, *_: object) -> None:
        if self.content and kind is not None:
            self.path.unlink(missing_ok=True)


def _put(path: Path, text: str) -> None:
    from xdistill.errors import UserError

    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror or error}") from error


def _plan(path: Path, named: dict[str, str], privileged: tuple[str, ...], *, ask: bool) -> tuple[Plan, tuple[str, ...]]:
    from xdistill.cli.console import print_hint, print_warning
    from xdistill.cli.init.ask import ask_privileged, ask_roles, print_columns
    from xdistill.cli.init.plan import plan_of
    from xdistill.profiling import Roles, profile_table
    from xdistill.tables import Format, read_table

    table = read_table(path, Format(setting=""))
    profile = profile_table(table, Roles(label=named.get("label", "")))
    for note in table.how:
        print_hint(f"read: {note}")
    plan = plan_of(table, profile, named, privileged)
    if ask:
        print_columns(profile, plan)
        roles = {**named, **ask_roles(plan, table.header)}
        plan = plan_of(table, profile, roles, privileged)
        plan = plan_of(table, profile, roles, privileged or ask_privileged(plan))
    cautions = profile_table(table, Roles(plan.label, plan.subject, plan.patient, plan.split)).cautions
    for caution in cautions:
        print_warning(caution.text)
    plan = plan.without([one.place for one in cautions if one.name == "label_copy"], "it equals the label")
    if not ask:
        print_columns(profile, plan)
    return plan, table.header


def _write(plan: Plan, table: Path, target: Path) -> Experiment:
    """Write the recipe and check it; what was there before stays if it does not pass.

    Raises:
        UserError: if the recipe does not pass.
    """
    from xdistill.cli.init.text import recipe_text
    from xdistill.errors import XdistillError
    from xdistill.experiment.assemble import assemble, read_recipe
    from xdistill.experiment.checks import check_given_splits
    from xdistill.experiment.missing import check_known_presence
    from xdistill.plugin import load_catalog

    name = re.sub(r"[^A-Za-z0-9_-]+", "_", target.stem).strip("_-") or "recipe"
    path = Path(os.path.relpath(table.resolve(), target.parent.resolve())).as_posix()
    before = read_bytes(target, TABLE) if target.exists() else None

    def written(plan: Plan) -> Experiment:
        _put(target, recipe_text(plan, name=name, path=path, source=table.name))
        return assemble(read_recipe(target, profile=None, overrides=(), catalog=load_catalog), load_catalog())

    try:
        experiment = written(plan)
        presence = experiment.data.build().presence()
        absent = tuple(name for name, present in presence.items() if not all(present))
        experiment = written(replace(plan, absent=absent)) if absent else experiment
        check_given_splits(experiment)
        check_known_presence(experiment)
    except XdistillError:
        if before is None:
            target.unlink(missing_ok=True)
        else:
            target.write_bytes(before)
        raise
    return experiment
