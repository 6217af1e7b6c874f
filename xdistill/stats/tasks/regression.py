"""Metrics of regression.

Of a single target, errors are in its unit. Of several, whose units differ, each target's error is divided by the
target's standard deviation among the subjects scored, and the metric is the mean over targets: 1 is then about the
error of always predicting the mean.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from xdistill.errors import DataError

Floats = NDArray[np.float64]


def mae(target: Floats, predictions: Floats, names: Sequence[str]) -> float:
    """Mean absolute error; lower is better.

    Args:
        target: ``(subjects, targets)``, or ``(subjects,)`` for a single one.
        predictions: ``(subjects, targets)``.
        names: of the targets.

    Raises:
        DataError: for several targets of which one is the same for all subjects.
    """
    wanted, given = _columns(target), _columns(predictions)
    return _mean_of_targets(np.abs(wanted - given).mean(axis=0), wanted, names)


def rmse(target: Floats, predictions: Floats, names: Sequence[str]) -> float:
    """Root mean squared error, its root taken for each target; lower is better. Arguments and errors as `mae`."""
    wanted, given = _columns(target), _columns(predictions)
    return _mean_of_targets(np.sqrt(((wanted - given) ** 2).mean(axis=0)), wanted, names)


def r2(target: Floats, predictions: Floats, names: Sequence[str]) -> float:
    """Coefficient of determination: 1 - squared error / that of the mean; the mean over targets, 1 at best.

    As scikit-learn's ``r2_score``. Arguments as `mae`.

    Raises:
        DataError: for a target that is the same for all subjects.
    """
    from sklearn.metrics import r2_score

    wanted = _columns(target)
    _deviations(wanted, names)
    return float(r2_score(wanted, _columns(predictions)))


def pearson(target: Floats, predictions: Floats, names: Sequence[str]) -> float:
    """Pearson's correlation of target and prediction; the mean over targets; 0 for a constant prediction.

    Arguments and errors as `r2`.
    """
    wanted, given = _columns(target), _columns(predictions)
    _deviations(wanted, names)
    ours, theirs = (values - values.mean(axis=0) for values in (given, wanted))
    lengths = np.sqrt((ours**2).sum(axis=0) * (theirs**2).sum(axis=0))
    products = (ours * theirs).sum(axis=0)
    return float(np.divide(products, lengths, out=np.zeros_like(products), where=np.ptp(given, axis=0) > 0).mean())


def _columns(values: Floats) -> Floats:
    return np.asarray(values, dtype=np.float64).reshape(len(values), -1)


def _mean_of_targets(errors: Floats, target: Floats, names: Sequence[str]) -> float:
    if len(errors) == 1:
        return float(errors[0])
    return float((errors / _deviations(target, names)).mean())


def _deviations(target: Floats, names: Sequence[str]) -> Floats:
    """Standard deviation of each target among the subjects scored, ``(targets,)``."""
    for column, name in zip(target.T, names, strict=True):
        if np.ptp(column) == 0:
            raise DataError(
                f"the target {name!r} is {column[0]:g} for all of the {len(column)} subjects scored here, so nothing "
                f"can be said about how well it is predicted; use fewer folds or leave the target out"
            )
    deviations: Floats = target.std(axis=0)
    return deviations
