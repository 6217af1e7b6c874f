"""``xdistill data dicom``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xdistill.cli.options import JsonOption, QuietOption

if TYPE_CHECKING:
    from xdistill.interfaces.series import Chosen, Found, Series, Written

EXAMPLES = (
    "xdistill data dicom export/",
    "xdistill data dicom export/ --phase 'hbp=*hepatobiliary*'",
    "xdistill data dicom export/ --rules phases.yaml --output manifest.csv",
    "xdistill data dicom mri/ --rules phases.yaml -o cohort.csv --convert nifti/",
)


def dicom(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder with DICOM files, at any depth.")],
    rules: Annotated[
        Path | None, typer.Option("--rules", metavar="FILE", help="A YAML file with a rule for each phase.")
    ] = None,
    phase: Annotated[
        list[str] | None,
        typer.Option(
            "--phase", metavar="NAME=PATTERN", help="A phase and the description of its series; may be repeated."
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write a manifest with the chosen series.")
    ] = None,
    convert: Annotated[
        Path | None, typer.Option("--convert", metavar="DIR", help="A new folder for the chosen series as NIfTI.")
    ] = None,
    join: Annotated[
        Path | None, typer.Option("--join", metavar="TABLE", help="A CSV file whose columns the manifest gets.")
    ] = None,
    on: Annotated[
        str | None, typer.Option("--on", metavar="COLUMN", help="Its column with the patients' ids; not written.")
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(
            "--key",
            metavar="FILE",
            help="File with the key that ids are hashed with; made if there is none. Default: in the user's settings.",
        ),
    ] = None,
    keep_ids: Annotated[bool, typer.Option("--keep-ids", help="Keep ids instead of hashing them.")] = False,
    dates: Annotated[bool, typer.Option("--dates", help="Show dates instead of days since the first study.")] = False,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Files that are read at the same time; default: up to four.")
    ] = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """List the DICOM series of a folder, and write a manifest of those that rules choose.

    Headers alone are read. Ids are replaced by a keyed hash and dates by days; see docs/dicom.md.
    """
    from xdistill.cli.console import echo, print_hint, print_json
    from xdistill.folders import default_key_file
    from xdistill.interfaces.series import Privacy
    from xdistill.plugin.series import series_format

    _check_options(output, convert, join, on, key if keep_ids else None)
    wanted = _rules(rules, phase or [])
    _check_rules(wanted, output)
    source = series_format("dicom")
    privacy = Privacy(None if keep_ids else key or default_key_file(), dates)
    with _progress(quiet=quiet) as report:
        found = source.find(folder, privacy, jobs=jobs, on_progress=report)
        chosen = source.choose(found, wanted) if wanted else None
        written = None
        if chosen is not None and output is not None:
            columns = None if join is None or on is None else (join, on)
            written = source.write(chosen, output, convert=convert, join=columns, jobs=jobs, on_progress=report)
    if as_json:
        print_json(_document(found, chosen, written))
    elif written is None:
        _print_table(found, chosen)
    for note in (*found.notes, *(chosen.notes if chosen else ()), *(written.notes if written else ())):
        print_hint(note)
    if written is not None and not as_json:
        kept = f", {written.converted} converted" if convert else ""
        echo(f"{written.manifest}: {written.rows} rows, {written.volumes} series{kept}")


def _check_options(
    output: Path | None, convert: Path | None, join: Path | None, on: str | None, unused_key: Path | None
) -> None:
    from xdistill.errors import UserError

    if output is None and (convert or join):
        raise UserError(f"--{'convert' if convert else 'join'} needs --output, the manifest to write")
    if (join is None) != (on is None):
        raise UserError("--join and --on go together: a table, and its column with the patients' ids")
    if unused_key is not None:
        raise UserError("--key and --keep-ids exclude each other: ids that are kept are not hashed")


def _check_rules(wanted: Mapping[str, Any], output: Path | None) -> None:
    from xdistill.errors import UserError

    if output is not None and not wanted:
        raise UserError("--output needs rules that choose the series; give --rules FILE, or --phase NAME=PATTERN")


def _rules(file: Path | None, phases: list[str]) -> Mapping[str, Any]:
    """The rules of a file, then those of options."""
    from xdistill.errors import UserError

    rules = {} if file is None else dict(_read(file))
    for text in phases:
        name, equals, pattern = text.partition("=")
        if not (equals and name.strip() and pattern.strip()):
            raise UserError(f"--phase {text!r}: write NAME=PATTERN, as in --phase 'hbp=*hepatobiliary*'")
        if name.strip() in rules:
            raise UserError(f"--phase {text!r}: there is a rule for {name.strip()!r} already")
        rules[name.strip()] = pattern.strip()
    return rules


def _read(file: Path) -> Mapping[str, Any]:
    from xdistill.errors import RecipeError, UserError
    from xdistill.recipe.files import UnreadableError, read_text
    from xdistill.recipe.yaml.nodes import to_plain
    from xdistill.recipe.yaml.reader import read_yaml

    try:
        reading = read_yaml(read_text(file, str(file)), str(file))
    except UnreadableError as error:
        raise UserError(str(error.problem)) from None
    if reading.problems:
        raise RecipeError(reading.problems)
    rules = None if reading.root is None else to_plain(reading.root)
    if not isinstance(rules, Mapping):
        raise UserError(f"{file}: no rules; write one per line, as in `hbp: '*hepatobiliary*'`")
    return rules


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[str, int, int], None] | None]:
    """A bar for each step on a terminal, nothing elsewhere."""
    from xdistill.cli.console import stderr

    if quiet or not stderr().is_terminal:
        yield None
        return
    from xdistill.cli.progress import bars

    with bars() as shown:
        tasks: dict[str, Any] = {}

        def report(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = shown.add_task(what, total=total, note="")
            shown.update(tasks[what], completed=done, total=total)

        yield report


def _chosen_phases(chosen: Chosen | None) -> dict[str, str]:
    """The phases that a series was chosen for, by series."""
    phases: dict[str, list[str]] = {}
    for row in chosen.rows.values() if chosen else ():
        for name, series in row.items():
            phases.setdefault(series.series, []).append(name)
    return {series: ", ".join(names) for series, names in phases.items()}


def _document(found: Found, chosen: Chosen | None, written: Written | None) -> dict[str, Any]:
    from dataclasses import asdict, fields, replace

    phases = _chosen_phases(chosen)
    names = [field.name for field in fields(found.series[0]) if field.name != "source"] if found.series else []
    rows = [asdict(replace(series, source=None)) for series in found.series]
    return {
        "series": [{**{name: row[name] for name in names}, "chosen": phases.get(row["series"], "")} for row in rows],
        "usable": sum(not series.problems for series in found.series),
        "other_files": found.other,
        "notes": [*found.notes, *(chosen.notes if chosen else ())],
        "written": None if written is None else {**asdict(written), "manifest": str(written.manifest)},
    }


def _print_table(found: Found, chosen: Chosen | None) -> None:
    from rich.table import Table
    from rich.text import Text

    from xdistill.cli.console import stdout

    console = stdout()
    when = "date" if found.privacy.dates else "day"
    heads = ["study", when, "time", "description", "phase", "slices", "spacing", "problems"]
    table = Table(*(["chosen"] if chosen else []), *heads, box=None, padding=(0, 2, 0, 0))
    phases = _chosen_phases(chosen)
    for series in found.series:
        cells = [phases.get(series.series, "")] if chosen else []
        table.add_row(*map(Text, [*cells, *_cells(series, when)]), style="dim" if series.problems else "")
    if not console.is_terminal:
        console.width = max(console.measure(table, options=console.options.update(max_width=1000)).maximum, 80)
    console.print(table)
    patients = len({series.patient for series in found.series})
    usable = sum(not series.problems for series in found.series)
    studies = len({series.subject for series in found.series})
    other = f"; {found.other} files of other formats" if found.other else ""
    people = f"{patients} patient{'s' * (patients != 1)}, {studies} {'study' if studies == 1 else 'studies'}"
    console.print(Text(f"{people}, {len(found.series)} series, of which {usable} can be used{other}"))


def _cells(series: Series, when: str) -> list[str]:
    day = series.date if when == "date" else "" if series.day is None else str(series.day)
    return [
        series.subject,
        day,
        "" if series.seconds is None else f"{int(series.seconds // 60)}:{int(series.seconds % 60):02}",
        f"{series.description or series.protocol}{f' [{series.part}]' if series.part else ''}",
        series.phase,
        str(series.size[2]),
        "" if series.spacing is None else " x ".join(f"{length:.3g}" for length in series.spacing),
        "; ".join(series.problems or series.remarks),
    ]
