"""Which way a metric is good."""

from __future__ import annotations

from xdistill.experiment.plans import Experiment
from xdistill.stats import METRICS
from xdistill.suggest import did_you_mean
from xdistill.tasks.classification import SCORES

LOWER_IS_BETTER = frozenset(score.name for score in SCORES if not score.higher_is_better)


def metric_problem(name: str, experiment: Experiment) -> str:
    """What is wrong with a metric's name; empty when nothing is."""
    known = [*METRICS, *(choice.use for choice in experiment.metrics)]
    return "" if name in known else f"there is no metric {name!r} in this recipe{did_you_mean(name, known)}"


def is_maximised(name: str, experiment: Experiment) -> bool:
    """Whether higher values are better."""
    for choice in experiment.metrics:
        if choice.use == name:
            return choice.component.higher_is_better
    return name not in LOWER_IS_BETTER
