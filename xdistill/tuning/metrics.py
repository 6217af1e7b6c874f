"""Which way a metric is good."""

from __future__ import annotations

from xdistill.experiment.plans import Experiment
from xdistill.stats import METRICS
from xdistill.suggest import did_you_mean
from xdistill.tasks.classification import OF_TWO_CLASSES, SCORES

LOWER_IS_BETTER = frozenset(score.name for score in SCORES if not score.higher_is_better)


def metric_problem(name: str, experiment: Experiment) -> str:
    """What is wrong with a metric's name; empty when nothing is."""
    own = [choice.use for choice in experiment.metrics]
    if name not in own and name in METRICS:
        return _of_two_classes(name, experiment)
    known = [*METRICS, *own]
    return "" if name in known else f"there is no metric {name!r} in this recipe{did_you_mean(name, known)}"


def _of_two_classes(name: str, experiment: Experiment) -> str:
    """What is wrong with a metric of two classes, where the cohort has more; empty when nothing is."""
    if name not in {score.name for score in OF_TWO_CLASSES}:
        return ""
    task = experiment.data.build().schema().task
    valid = [score.name for score in task.scores]
    if name in valid:
        return ""
    return (
        f"{name!r} is a metric of two classes, and the cohort has {len(task.names)}; choose one of {', '.join(valid)}"
    )


def is_maximised(name: str, experiment: Experiment) -> bool:
    """Whether higher values are better."""
    for choice in experiment.metrics:
        if choice.use == name:
            return choice.component.higher_is_better
    return name not in LOWER_IS_BETTER
