"""Which way a metric is good."""

from __future__ import annotations

from xdistill.experiment.plans import Experiment
from xdistill.recipe.schema.tuning import Tune
from xdistill.stats import LOWER_IS_BETTER, METRICS
from xdistill.suggest import did_you_mean
from xdistill.tasks import Classification, Task
from xdistill.tasks.classification import OF_TWO_CLASSES


def metric_problem(name: str, experiment: Experiment) -> str:
    """What is wrong with a metric's name; empty when nothing is."""
    own = [choice.use for choice in experiment.metrics]
    if name in own:
        return ""
    task = experiment.data.build().schema().task
    valid = [score.name for score in task.scores]
    if name in valid:
        return ""
    if name in METRICS:
        return _of_another_task(name, task, valid)
    return f"there is no metric {name!r} in this recipe{did_you_mean(name, [*valid, *own])}"


def _of_another_task(name: str, task: Task, valid: list[str]) -> str:
    """What is wrong with a metric that exists."""
    of_two = isinstance(task, Classification) and name in {score.name for score in OF_TWO_CLASSES}
    why = (
        f"is a metric of two classes, and the cohort has {len(task.names)}"
        if of_two
        else f"is not a metric of {task.describe()}"
    )
    return f"{name!r} {why}; choose one of {', '.join(valid)}"


def for_task(tune: Tune, experiment: Experiment) -> Tune:
    """The search with the first metric of the task, if the recipe names none and the task has not the usual one."""
    task = experiment.data.build().schema().task
    if "metric" in tune.model_fields_set or any(score.name == tune.metric for score in task.scores):
        return tune
    return tune.model_copy(update={"metric": task.primary})


def is_maximised(name: str, experiment: Experiment) -> bool:
    """Whether higher values are better."""
    for choice in experiment.metrics:
        if choice.use == name:
            return choice.component.higher_is_better
    if name in METRICS:
        return name not in LOWER_IS_BETTER
    scores = experiment.data.build().schema().task.scores
    return all(score.higher_is_better for score in scores if score.name == name)
