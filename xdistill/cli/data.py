"""``xdistill data``: build cohort files, look into them, check them, and clean up beside them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xdistill.cli import data_clean
from xdistill.cli.examples import command, with_examples
from xdistill.cli.options import JsonOption, ProfileOption, RecipeArgument, SetOption

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xdistill.data import Cohort

app = typer.Typer(
    help=with_examples("Build cohort files, look into them, and check them.", "xdistill data build mvi_hcc"),
    no_args_is_help=True,
)

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A cohort file, as `xdistill data build` names it.")]


@command(
    app,
    "xdistill data build mvi_hcc",
    "xdistill data build my_recipe.yaml --set data.path=/data/cohort.csv",
    "xdistill data build mvi_hcc --cache /fast/disk --workers 8",
)
def build(
    recipe: RecipeArgument,
    profile: ProfileOption = None,
    changes: SetOption = None,
    cache: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of the cohort files; default: $XDISTILL_CACHE, or the user's cache."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes that load subjects; default: as many as pay. Same content.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Build the cohort of a recipe, or find the file that is already there."""
    from xdistill.cli.console import print_json

    path = _build(recipe, profile, changes, cache, workers)
    result = _built(path)
    if as_json:
        print_json(result)
    else:
        typer.echo(f"{result['path']}: {result['subjects']} subjects, {size(result['bytes'])}")


@command(
    app,
    "xdistill data inspect ~/.cache/xdistill/hcc_phantom-0123456789abcdef.h5",
)
def inspect(file: FileArgument, as_json: JsonOption = False) -> None:
    """Show what a cohort file holds: classes, modalities, who is missing what, and where it came from."""
    from xdistill.cli.console import print_json
    from xdistill.data import open_cohort

    cohort = open_cohort(file)
    if as_json:
        print_json(_summary(cohort))
    else:
        _print_summary(_summary(cohort))


@command(
    app,
    "xdistill data verify ~/.cache/xdistill/hcc_phantom-0123456789abcdef.h5",
)
def verify(file: FileArgument, as_json: JsonOption = False) -> None:
    """Read every value of a cohort file and compare it with what was written; exit code 2 when something differs."""
    from xdistill.cli.console import print_error, print_json
    from xdistill.data import verify_cohort

    problems = verify_cohort(file)
    if as_json:
        print_json({"path": str(file), "problems": problems})
    elif not problems:
        typer.echo(f"{file}: every value is as it was written")
    for problem in problems:
        print_error(problem)
    if problems:
        raise typer.Exit(2)


command(app, *data_clean.EXAMPLES)(data_clean.clean)


def _build(
    recipe: str, profile: str | None, changes: Sequence[str] | None, cache: Path | None, workers: int | None
) -> Path:
    from xdistill.cli.progress import listener
    from xdistill.crossval.events import CohortProgress
    from xdistill.data import build_cohort, default_cache_dir
    from xdistill.errors import InterruptedRunError
    from xdistill.experiment.assemble import choose_dataset
    from xdistill.plugin import load_catalog
    from xdistill.recipe.load import load_recipe

    loaded = load_recipe(recipe, profile=profile, overrides=changes or [])
    data = choose_dataset(loaded, load_catalog())
    with listener(quiet=False) as listen:
        try:
            return build_cohort(
                data,
                loaded.recipe.cache,
                directory=cache or default_cache_dir(),
                workers=workers,
                on_progress=lambda done, total: listen(CohortProgress(done, total)),
            )
        except KeyboardInterrupt:
            raise InterruptedRunError(
                "stopped, and nothing half-built was left. Give the same command again to build the cohort"
            ) from None


def _built(path: Path) -> dict[str, Any]:
    from xdistill.data import open_cohort

    return {"path": str(path.absolute()), "subjects": len(open_cohort(path)), "bytes": path.stat().st_size}


def _summary(cohort: Cohort) -> dict[str, Any]:
    """What a cohort holds, without the ids of its subjects."""
    from dataclasses import asdict

    targets = cohort.targets.tolist()
    return {
        "path": str(cohort.path.absolute()),
        "bytes": cohort.path.stat().st_size,
        "bytes_in_memory": cohort.nbytes,
        "key": cohort.key,
        "fingerprint": cohort.fingerprint,
        "created": cohort.created,
        "versions": dict(cohort.versions),
        "facts": asdict(cohort.facts),
        "subjects": len(cohort),
        "patients": len(set(cohort.patients)),
        "classes": {name: targets.count(index) for index, name in enumerate(cohort.schema.classes)},
        "modalities": {
            name: {**spec, "present": int(cohort.present(name).sum())}
            for name, spec in cohort.schema.to_json()["modalities"].items()
        },
    }


def _print_summary(summary: dict[str, Any]) -> None:
    from rich.table import Table
    from rich.text import Text

    from xdistill.cli.console import stdout

    console = stdout()
    facts = summary["facts"]
    console.print(Text(facts["title"], style="bold"))
    if facts["synthetic"]:
        console.print(Text("synthetic cohort: no subject is real", style="yellow"))
    if facts["source"]:
        console.print(Text(facts["source"]))
    for name, bound in facts["bounds"].items():
        console.print(Text(f"best possible macro OvO AUC from {name}: {bound:.3f}"))
    counts = ", ".join(f"{name} {count}" for name, count in summary["classes"].items())
    console.print(Text(f"{summary['subjects']} subjects of {summary['patients']} patients: {counts}"))
    table = Table("modality", "kind", "shape", "columns", "unit", "present", box=None, padding=(0, 2, 0, 0))
    for name, spec in summary["modalities"].items():
        shape = " x ".join(str(length) for length in spec["shape"])
        cells = [name, spec["kind"], shape, str(len(spec["columns"]) or ""), spec["unit"], str(spec["present"])]
        table.add_row(*map(Text, cells))
    console.print(table)
    console.print(Text(f"{size(summary['bytes'])} on disk, {size(summary['bytes_in_memory'])} in memory"))
    console.print(Text(f"fingerprint {summary['fingerprint']}"))
    console.print(Text(f"built {summary['created']} with xdistill {summary['versions'].get('xdistill', '?')}"))


def size(count: int) -> str:
    """A number of bytes for people."""
    return f"{count / 1e6:.1f} MB" if count >= 100_000 else f"{count / 1e3:.1f} kB"  # noqa: PLR2004  # 0.1 MB
