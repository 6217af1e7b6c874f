"""Two models on the same patients."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from xdistill.deployment.evaluate.intervals import Bootstrap, Figure, observed
from xdistill.deployment.evaluate.result import Comparison, Difference
from xdistill.deployment.evaluate.scores import class_auc, standard_metrics
from xdistill.errors import UserError
from xdistill.models import StudentModel
from xdistill.stats.areas import Floats
from xdistill.stats.delong import delong


def compared(
    bootstrap: Bootstrap, first: Floats, second: Floats, *, classes: Sequence[str], positives: Sequence[int], name: str
) -> Comparison:
    """Differences with paired bootstrap intervals, and DeLong's test for the AUC of the positive classes.

    Args:
        bootstrap: with the subjects.
        first: probabilities of the first model ``(subjects, classes)``.
        second: of the second, columns in the same order.
        classes: their names.
        positives: indices of the classes that DeLong's test is made for.
        name: of the second model.
    """
    targets = bootstrap.cohort.targets
    figures = [
        standard_metrics(targets, probabilities)
        | {f"auc:{classes[place]}": class_auc(targets, probabilities, place) for place in positives}
        for probabilities in (first, second)
    ]
    resampled = [bootstrap.resampled(one) for one in figures]
    metrics = {
        metric: _difference(bootstrap, (figures[0][metric], figures[1][metric]), resampled[0][metric], values)
        for metric, values in resampled[1].items()
    }
    tests = {
        classes[place]: delong(targets == place, first[:, place], second[:, place], bootstrap.cohort.patients)
        for place in positives
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
    """The columns of the second model in the order of the first one's classes.

    Raises:
        UserError: if the classes differ.
    """
    if set(model.classes) != set(against.classes):
        raise UserError(
            f"the two models predict different classes ({', '.join(model.classes)}; {', '.join(against.classes)}), so "
            f"they cannot be compared"
        )
    return [against.classes.index(name) for name in model.classes]
