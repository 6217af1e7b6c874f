"""`xdistill recipe`: look at recipes and check them without running anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from xdistill.cli.data.columns import about_cohort, cohort_lines
from xdistill.cli.examples import command, with_examples
from xdistill.cli.options import (
    CacheOption,
    DisableOption,
    JsonOption,
    PluginOption,
    ProfileOption,
    RecipeArgument,
    SetOption,
    chosen_plugins,
    say_if_edited,
)

if TYPE_CHECKING:
    from xdistill.errors import Problem
    from xdistill.experiment.plans import Experiment
    from xdistill.recipe.loaded import LoadedRecipe

app = typer.Typer(
    help=with_examples(
        "Check recipes, show them with everything filled in, and print their schema.", "xdistill recipe check mvi_hcc"
    ),
    no_args_is_help=True,
)


@command(
    app,
    "xdistill recipe check mvi_hcc",
    "xdistill recipe check my_recipe.yaml --profile paper --set optimizer.lr=1e-4",
)
def check(
    recipe: RecipeArgument,
    profile: ProfileOption = None,
    changes: SetOption = None,
    cache: CacheOption = None,
    plugin: PluginOption = None,
    disable_plugin: DisableOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check a recipe: its fields, the settings of its components, and whether the parts fit the cohort.

    Nothing is trained. All problems are reported at once, each with its file, line and column. Every choice in the
    search space (`tune`) is checked as well; problems there are warnings, because a run ignores it. Images of different
    patients are compared if the cohort was built.
    """
    from xdistill.cli.console import print_json, print_warning
    from xdistill.experiment.checks import check_given_splits
    from xdistill.experiment.missing import check_known_presence
    from xdistill.recipe.files import shown

    with chosen_plugins(plugin, disable_plugin):
        loaded, experiment = _assembled(recipe, profile, changes)
        check_given_splits(experiment)
        check_known_presence(experiment)
        problems = _search_problems(loaded, experiment)
    about = about_cohort(experiment, cache)
    summary: dict[str, Any] = experiment.summary() | _searched(experiment)
    inherited = {shown(file) for file in loaded.files[1:]}
    own = [problem for problem in problems if problem.source not in inherited]
    if own:
        text = "\n".join(map(str, own))
        print_warning(f"xdistill tune cannot search this recipe, though xdistill run can run it:\n{text}")
    elif problems:  # the search was written for the recipe that this one extends
        summary["search"] = "none; the inherited search does not fit this recipe"
    if as_json:
        print_json(summary | {"cohort": about})
        return
    (recipe_line, data_line), rest = list(summary.items())[:2], list(summary.items())[2:]
    _print_summary([recipe_line, data_line, *cohort_lines(about), *rest])
    for caution in about["warnings"]:
        print_warning(f"{caution['name']}: {caution['text']}")


@command(
    app,
    "xdistill recipe show mvi_hcc",
    "xdistill recipe show mvi_hcc --profile paper --json",
)
def show(
    recipe: RecipeArgument,
    profile: ProfileOption = None,
    changes: SetOption = None,
    plugin: PluginOption = None,
    disable_plugin: DisableOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print a recipe as it will run: extends, profile and changes applied, every default filled in."""
    from xdistill.cli.console import echo, print_json
    from xdistill.recipe.yaml.writer import write_yaml

    with chosen_plugins(plugin, disable_plugin):
        _, experiment = _assembled(recipe, profile, changes)
    from xdistill.tuning.metrics import for_task

    search = None if experiment.recipe.tune is None else for_task(experiment.recipe.tune, experiment)
    resolved = experiment.resolved() | ({"tune": search.model_dump(mode="json")} if search else {})
    if as_json:
        print_json(resolved)
    else:
        echo(write_yaml(resolved), end="")


@command(
    app,
    "xdistill recipe schema > recipe.schema.json",
)
def schema() -> None:
    """Print the JSON Schema of recipes, with which editors complete and check them."""
    from xdistill.cli.console import print_json
    from xdistill.recipe.schema.json_schema import recipe_json_schema

    print_json(recipe_json_schema())


def _assembled(recipe: str, profile: str | None, changes: list[str] | None) -> tuple[LoadedRecipe, Experiment]:
    from xdistill.experiment.assemble import assemble, read_recipe
    from xdistill.plugin import load_catalog

    say_if_edited(recipe)
    loaded = read_recipe(recipe, profile=profile, overrides=changes or (), catalog=load_catalog)
    return loaded, assemble(loaded, load_catalog())


def _search_problems(loaded: LoadedRecipe, experiment: Experiment) -> tuple[Problem, ...]:
    """The problems of the search space."""
    if loaded.recipe.tune is None:
        return ()
    from xdistill.errors import RecipeError
    from xdistill.plugin import load_catalog
    from xdistill.tuning.check import check_search

    try:
        check_search(loaded, experiment, load_catalog())
    except RecipeError as error:
        return error.problems
    return ()


def _searched(experiment: Experiment) -> dict[str, str]:
    tune = experiment.recipe.tune
    if tune is None:
        return {}
    return {"search": f"{', '.join(tune.space)}: {tune.trials} trials, {tune.sampler.use}"}


def _print_summary(lines: Sequence[tuple[str, str]]) -> None:
    from rich.text import Text

    from xdistill.cli.console import stdout

    console = stdout()
    console.print(Text("The recipe is valid.", style="green"))
    width = max(len(label) for label, _ in lines)
    for label, value in lines:
        console.print(Text(f"{label:<{width}}  ", style="bold") + Text(value, style="not bold"))
