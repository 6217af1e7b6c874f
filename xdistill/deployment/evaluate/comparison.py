"""Two models on the same patients."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from xdistill.deployment.evaluate.intervals import Bootstrap, Figure, observed
from xdistill.deployment.evaluate.result import Comparison, Difference
from xdistill.deployment.evaluate.scores import one_auc, standard_metrics
from xdistill.errors import UserError
from xdistill.models import StudentModel
from xdistill.stats.areas import Floats
from xdistill.stats.delong import delong
from xdistill.tasks import Task


def compared(
    bootstrap: Bootstrap, first: Floats, second: Floats, *, task: Task, positives: Sequence[int], name: str
) -> Comparison:
    """Differences with paired bootstrap intervals, and DeLong's test for the AUC of classes or labels.

    Args:
        bootstrap: with the subjects.
        first: predictions of the first model ``(subjects, columns)``.
        second: of the second, columns in the same order.
        task: of both.
        positives: indices of the classes, or labels, that DeLong's test is made for.
        name: of the second model.
    """
    targets = bootstrap.cohort.targets
    of_name = {task.names[place]: (place, bootstrap.cohort.positive(task, place)) for place in positives}
    figures = [
        standard_metrics(task, targets, predictions)
        | {f"auc:{one}": one_auc(positive, predictions[:, place]) for one, (place, positive) in of_name.items()}
        for predictions in (first, second)
    ]
    resampled = [bootstrap.resampled(one) for one in figures]
    metrics = {
        metric: _difference(bootstrap, (figures[0][metric], figures[1][metric]), resampled[0][metric], values)
        for metric, values in resampled[1].items()
    }
    tests = {
        one: delong(positive, first[:, place], second[:, place], bootstrap.cohort.patients)
        for one, (place, positive) in of_name.items()
    }
    return Comparison(name, metrics, tests)


def _difference(bootstrap: Bootstrap, figures: tuple[Figure, Figure], first: Floats, second: Floats) -> Difference:
    one, other = (observed(bootstrap.cohort, figure) for figure in figures)
    value = None if one is None or other is None else one - other
    differences = first - second
    known = differences[np.isfinite(differences)]
    p_value = None
    if value is not None and len(known):
        tail = min(int((known <= 0).sum()), int((known >= 0).sum()))
        p_value = min(1.0, 2 * (tail + 1) / (len(known) + 1))
    return Difference(one, other, bootstrap.estimate(value, differences), p_value)


def same_task(model: StudentModel, against: StudentModel) -> list[int]:
    """The columns of the second model's predictions in the order of the first one's.

    Raises:
        UserError: if they predict something else.
    """
    own, other = model.schema.task, against.schema.task
    if own.kind != other.kind or set(own.columns) != set(other.columns):
        raise UserError(
            f"the two models cannot be compared, since they predict different things: {own.describe()}; "
            f"{other.describe()}"
        )
    return [other.columns.index(name) for name in own.columns]
