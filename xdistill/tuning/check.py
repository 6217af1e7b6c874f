"""Whether a recipe's search can be made, before anything is trained. Needs no Optuna: `recipe check` asks as well."""

from __future__ import annotations

from importlib.util import find_spec

from xdistill.errors import RecipeError
from xdistill.experiment.plans import Experiment
from xdistill.interfaces.component import Component
from xdistill.plugin import Catalog
from xdistill.recipe.loaded import LoadedRecipe
from xdistill.recipe.schema.tuning import Tune
from xdistill.tuning.metrics import for_task, metric_problem
from xdistill.tuning.search.variants import variants


def searched(loaded: LoadedRecipe) -> Tune:
    """What a recipe searches.

    Raises:
        RecipeError: when it searches nothing.
    """
    if loaded.recipe.tune is None:
        message = (
            "the recipe has no search space; add `tune: {space: {optimizer.lr: {low: 1.0e-4, high: 1.0e-2, "
            "log: true}}}`"
        )
        raise RecipeError([loaded.problem(("tune",), message)])
    return loaded.recipe.tune


def check_search(loaded: LoadedRecipe, experiment: Experiment, catalog: Catalog) -> frozenset[type[Component]]:
    """Check what only plugins and Optuna know: each choice of the space, metric, sampler and pruner.

    If Optuna is not installed, settings of samplers and pruners are not checked.

    Returns:
        The components of all choices.

    Raises:
        RecipeError: all problems at once.
    """
    tune = searched(loaded)
    found = variants(loaded, tune, catalog)
    problems = list(found.problems)
    wrong = metric_problem(for_task(tune, experiment).metric, experiment)
    if wrong:
        problems.append(loaded.problem(("tune", "metric"), wrong))
    if find_spec("optuna") is not None:
        from xdistill.tuning.search.sampling import quiet, search_problems

        with quiet():
            found_problems = list(search_problems(tune, experiment.epochs * tune.folds))
        problems += [loaded.problem(("tune", *place), message) for place, message in found_problems]
    if problems:
        raise RecipeError(sorted(problems, key=lambda problem: problem.sort_key))
    return found.components
