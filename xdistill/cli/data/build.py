"""``xdistill data build``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from xdistill.cli import options as shared
from xdistill.cli.data.options import CacheOption, size

EXAMPLES = (
    "xdistill data build mvi_hcc",
    "xdistill data build my_recipe.yaml --set data.path=/data/cohort.csv",
    "xdistill data build my_recipe.yaml --plugin ./my_dataset.py",
    "xdistill data build mvi_hcc --cache /fast/disk --workers 8",
)


def build(
    recipe: shared.RecipeArgument,
    profile: shared.ProfileOption = None,
    changes: shared.SetOption = None,
    cache: CacheOption = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Worker processes that load subjects; default: one per core where loading takes long enough. The "
            "content does not depend on it.",
        ),
    ] = None,
    plugin: shared.PluginOption = None,
    disable_plugin: shared.DisableOption = None,
    as_json: shared.JsonOption = False,
) -> None:
    """Build the cohort of a recipe, or find the file if it exists already."""
    from xdistill.cli.console import echo, print_json, print_warning
    from xdistill.data import open_cohort

    with shared.chosen_plugins(plugin, disable_plugin):
        cohort = open_cohort(build_file(recipe, profile, changes or [], cache, workers))
    path, subjects, stored = cohort.path, len(cohort), cohort.path.stat().st_size
    for text in cohort.facts.remarks:
        print_warning(text)
    if as_json:
        print_json({"path": str(path.absolute()), "subjects": subjects, "bytes": stored})
    else:
        echo(f"{path.absolute()}: {subjects} subjects, {size(stored)}")


def build_file(
    recipe: str, profile: str | None, changes: Sequence[str], cache: Path | None, workers: int | None
) -> Path:
    """Build the cohort of a recipe, or find it."""
    from xdistill.cli.progress import listener
    from xdistill.crossval.events import CohortProgress
    from xdistill.data import build_cohort, default_cache_dir
    from xdistill.errors import InterruptedRunError
    from xdistill.experiment.assemble import choose_dataset
    from xdistill.plugin import load_catalog
    from xdistill.recipe.load import load_recipe

    loaded = load_recipe(recipe, profile=profile, overrides=changes)
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
                "stopped; no partial file was left. Rerun the command to build the cohort"
            ) from None
