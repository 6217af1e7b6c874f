"""Whether a recipe fits its task."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from xdistill.errors import Problem, RecipeError
from xdistill.experiment.plans import components_of
from xdistill.experiment.resolve import AUTO
from xdistill.experiment.stages.plans import StagePlan, TermPlan, TrainPlan
from xdistill.interfaces.component import Choice
from xdistill.interfaces.dataset import Dataset, TaskSettings
from xdistill.interfaces.fitted import Estimator
from xdistill.plugin import Catalog
from xdistill.recipe.loaded import LoadedRecipe
from xdistill.recipe.schema.recipe import Recipe, TrainStage
from xdistill.tasks import Task


def uses_default_loss(recipe: Recipe) -> bool:
    """Whether an objective has a term ``use: auto``."""
    stages = [stage for stage in recipe.stages if isinstance(stage, TrainStage)]
    return any(term.use == AUTO for stage in stages for term in stage.objective)


def check_task(
    loaded: LoadedRecipe,
    data: Choice[Dataset],
    task: Task,
    stages: Sequence[StagePlan] = (),
    *,
    catalog: Catalog | None = None,
    networks: Mapping[str, Choice[Any]] | None = None,
) -> None:
    """Check that the data set has the task that the recipe names, and that all losses and estimators are for it.

    Args:
        loaded: the recipe.
        data: its data set.
        task: of the data set.
        stages: of the recipe.
        catalog: the registered components, to name the losses that fit.
        networks: by role.

    Raises:
        RecipeError: all problems at once.
    """
    problems = [*_of_data(loaded, data, task)]
    if catalog is not None:
        problems += _of_losses(loaded, task, stages, catalog)
        problems += _of_estimators(loaded, task, networks or {}, catalog)
    if problems:
        raise RecipeError(problems)


def _of_data(loaded: LoadedRecipe, data: Choice[Dataset], task: Task) -> Iterator[Problem]:
    chosen = loaded.recipe.task
    if chosen is None or isinstance(data.settings, TaskSettings):
        return
    if chosen.use != task.kind or chosen.settings():
        yield loaded.problem(
            ("task", "use"),
            f"the data set `{data.use}` states its task itself, {task.describe()}; leave out `task`, or use a data set "
            f"that reads labels, such as `manifest` or `table`",
        )


def _of_losses(loaded: LoadedRecipe, task: Task, stages: Sequence[StagePlan], catalog: Catalog) -> Iterator[Problem]:
    for index, stage in enumerate(stages):
        for place, term in enumerate(stage.terms if isinstance(stage, TrainPlan) else ()):
            tasks: tuple[str, ...] = getattr(term.choice.component, "tasks", ())
            if tasks and task.kind not in tasks:
                yield loaded.problem(
                    ("stages", index, "objective", place, "use"),
                    f"`{term.choice.use}` is a loss for {' and '.join(tasks)}, and the task is {task.describe()}; "
                    f"{_that_fit(term, task, catalog)}",
                )
            link, wanted = (getattr(owner, "link", None) for owner in (term.choice.settings, task))
            if link and wanted and link != wanted:
                yield loaded.problem(
                    ("stages", index, "objective", place, "link"),
                    f"`{term.choice.use}` is set to the link {link}, and that of the task is {wanted}; set "
                    f"`link: {wanted}`",
                )


def _of_estimators(
    loaded: LoadedRecipe, task: Task, networks: Mapping[str, Choice[Any]], catalog: Catalog
) -> Iterator[Problem]:
    for role, choice in networks.items():
        for component in sorted(components_of([choice]), key=lambda component: component.name):
            if issubclass(component, Estimator) and task.kind not in component.tasks:
                known = [name for name in catalog.names("estimator") if task.kind in _tasks(catalog, name)]
                fitting = (
                    f"estimators that fit: {', '.join(f'`{name}`' for name in known)}" if known else "none fits it"
                )
                yield loaded.problem(
                    (role,),
                    f"`{component.name}` is an estimator for {' and '.join(component.tasks)}, and the task is "
                    f"{task.describe()}; {fitting}",
                )
            elif issubclass(component, Estimator) and (problem := _other_link(component, task)):
                yield loaded.problem((role,), problem)


def _other_link(component: type[Estimator], task: Task) -> str:
    """Why an estimator of grades does not fit; empty if it does."""
    own, wanted = (getattr(thing, "link", None) for thing in (component, task))
    if not own or not wanted or own == wanted:
        return ""
    return f"`{component.name}` has the link {own}, and that of the task is {wanted}; set `task.link: {own}`"


def _tasks(catalog: Catalog, estimator: str) -> tuple[str, ...]:
    tasks: tuple[str, ...] = getattr(catalog.entry("estimator", estimator).component, "tasks", ())
    return tasks


def _that_fit(term: TermPlan, task: Task, catalog: Catalog) -> str:
    """The losses that fit the task, those that are made for it first."""
    kind = "task_loss" if term.on else "distillation_loss"
    losses = {name: getattr(catalog.entry(kind, name).component, "tasks", ()) for name in catalog.names(kind)}
    made = [name for name, tasks in losses.items() if task.kind in tasks]
    any_task = [name for name, tasks in losses.items() if not tasks]
    what = "task losses" if term.on else "distillation losses"
    names = ", ".join(f"`{name}`" for name in (made or any_task)) or "none"
    more = f", and those of features, such as `{any_task[0]}`" if made and any_task and not term.on else ""
    return f"{what} that fit: {names}{more}"
