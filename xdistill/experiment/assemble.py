"""From a recipe and the catalog to an experiment; all problems are reported before training starts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from os import PathLike
from typing import Any

from xdistill.errors import RecipeError
from xdistill.experiment.checks import Checker, Probe
from xdistill.experiment.controls import check_control, schedule, with_control
from xdistill.experiment.cross_fitting import with_cross_fitting
from xdistill.experiment.networks import probe
from xdistill.experiment.plans import Experiment, NetworkFacts
from xdistill.experiment.resolve import Resolving
from xdistill.experiment.tasks import check_task, uses_default_loss
from xdistill.interfaces.augmentation import Augmentation
from xdistill.interfaces.callback import Callback
from xdistill.interfaces.component import Choice, Settings
from xdistill.interfaces.dataset import Dataset
from xdistill.interfaces.executor import Executor
from xdistill.interfaces.metric import Metric
from xdistill.interfaces.network import Student, Teacher
from xdistill.interfaces.tracker import Tracker
from xdistill.interfaces.transform import Transform
from xdistill.plugin import Catalog
from xdistill.recipe.load import as_loaded
from xdistill.recipe.loaded import LoadedRecipe
from xdistill.recipe.overrides import Overrides
from xdistill.recipe.schema.recipe import Recipe


def read_recipe(
    recipe: LoadedRecipe | Recipe | Mapping[str, Any] | str | PathLike[str],
    *,
    profile: str | None,
    overrides: Overrides,
    catalog: Callable[[], Catalog],
) -> LoadedRecipe:
    """Load a recipe; when its fields have problems, report those of its components as well.

    Raises:
        RecipeError: the problems of fields and components at once.
    """
    try:
        return as_loaded(recipe, profile=profile, overrides=overrides)
    except RecipeError as error:
        if error.root is None:
            raise
        resolving = Resolving(error.root, catalog())
        resolving.check_raw()
        known = {(problem.sort_key, problem.path) for problem in error.problems}
        more = [problem for problem in resolving.problems if (problem.sort_key, problem.path) not in known]
        raise RecipeError(sorted([*error.problems, *more], key=lambda problem: problem.sort_key)) from None


def assemble(
    loaded: LoadedRecipe, catalog: Catalog, probe: Probe = probe, *, dataset: Dataset | None = None
) -> Experiment:
    """Resolve every component of a recipe, validate all settings, and check that they are compatible with the cohort.

    Args:
        loaded: the recipe.
        catalog: the registered components.
        probe: infers what a network returns; `CachedProbes` for many recipes that share networks.
        dataset: replaces the one that the recipe names.

    Raises:
        RecipeError: all problems of the settings at once; when there are none, all incompatibilities.
        DataError: when the cohort's source cannot be read.
    """
    loaded = with_control(loaded, catalog)
    resolving = Resolving(loaded.root, catalog)
    recipe = loaded.recipe
    data = resolving.dataset(recipe) if dataset is None else Choice(type(dataset), Settings())
    if data is not None and not resolving.problems and uses_default_loss(recipe):
        resolving.default_loss = (dataset or data.build()).schema().task.default_loss
    test = resolving.external(recipe)
    transforms = resolving.choose_all(Transform, recipe.transforms, "transforms")
    augment = resolving.choose_all(Augmentation, recipe.augment, "augment")
    networks: dict[str, Choice[Any] | None] = {}
    if recipe.teacher is not None:
        written = "student" if recipe.control == "self_distillation" else "teacher"
        networks["teacher"] = resolving.choose(Teacher, recipe.teacher, (written,))
    networks["student"] = resolving.choose(Student, recipe.student, ("student",))
    stages = tuple(resolving.stage(recipe, stage, index) for index, stage in enumerate(recipe.stages))
    metrics = resolving.choose_all(Metric, recipe.metrics, "metrics")
    callbacks = resolving.choose_all(Callback, recipe.callbacks, "callbacks")
    executor = resolving.choose(Executor, recipe.executor, ("executor",))
    trackers = resolving.choose_all(Tracker, recipe.trackers, "trackers")
    resolving.raise_problems()
    assert data is not None  # noqa: S101 - a missing choice is a problem
    assert executor is not None  # noqa: S101 - likewise

    chosen = {role: choice for role, choice in networks.items() if choice}
    dataset = dataset or data.build()
    check_task(loaded, data, dataset.schema().task, stages, catalog=catalog, networks=chosen)
    checker = Checker(loaded, dataset, chosen, probe)
    checker.check(transforms, augment, stages)
    if test is not None:
        checker.check_external(test.build())
    experiment = Experiment(
        recipe=recipe,
        data=data,
        test=test,
        transforms=transforms,
        augment=augment,
        networks=checker.choices,
        facts={role: NetworkFacts.of(network) for role, network in checker.networks.items()},
        stages=stages,
        schedule=(),
        metrics=metrics,
        callbacks=callbacks,
        executor=executor,
        trackers=trackers,
    )
    check_control(loaded, experiment)
    order = schedule(stages, recipe.control, experiment.privileged)
    return replace(experiment, schedule=tuple(with_cross_fitting(order)))


def choose_dataset(loaded: LoadedRecipe, catalog: Catalog) -> Choice[Dataset]:
    """The recipe's data set alone.

    Raises:
        RecipeError: all problems at once.
    """
    resolving = Resolving(loaded.root, catalog)
    data = resolving.dataset(loaded.recipe)
    resolving.raise_problems()
    assert data is not None  # noqa: S101 - a missing choice is a problem
    if loaded.recipe.task is not None:
        check_task(loaded, data, data.build().schema().task)
    return data
