"""What is learned of numeric columns: one value to fill in and one line to scale by."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Impute = Literal["median", "mean", "constant"]
Scale = Literal["standard", "robust", "none"]

Numbers = NDArray[np.float64]


def fit_fill(training: Numbers, impute: Impute, constant: float) -> Numbers:
    """The value that replaces missing ones, a column; ``constant`` where all training values are missing.

    Args:
        training: ``(subjects, columns)``; NaN is missing.
        impute: which value.
        constant: the value for ``impute="constant"`` and for columns without any value.
    """
    from sklearn.impute import SimpleImputer

    if impute == "constant":
        return np.full(training.shape[1], constant)
    imputer = SimpleImputer(strategy=impute, keep_empty_features=True).fit(training)
    statistics = np.asarray(imputer.statistics_, dtype=np.float64)
    return np.where(np.isnan(training).all(axis=0), constant, statistics)


def fit_scale(filled: Numbers, scale: Scale) -> tuple[Numbers, Numbers]:
    """Centre and spread of each column.

    Args:
        filled: ``(subjects, columns)`` of the training subjects, without missing values.
        scale: mean and standard deviation, median and interquartile range, or nothing.
    """
    from sklearn.preprocessing import RobustScaler, StandardScaler

    if scale == "none":
        return np.zeros(filled.shape[1]), np.ones(filled.shape[1])
    if scale == "standard":
        standard = StandardScaler().fit(filled)
        return np.asarray(standard.mean_, dtype=np.float64), np.asarray(standard.scale_, dtype=np.float64)
    robust = RobustScaler().fit(filled)
    return np.asarray(robust.center_, dtype=np.float64), np.asarray(robust.scale_, dtype=np.float64)


def says_nothing(training: Numbers, filled: Numbers, scale: Scale) -> NDArray[np.bool_]:
    """Columns without any training value, and, when columns are scaled, those with a single one.

    They become 0 for every subject: no weight was learned for them, so a test subject that differs must not
    reach the network with a number of any size.
    """
    empty = np.isnan(training).all(axis=0)
    constant = filled.min(axis=0) == filled.max(axis=0)
    return np.asarray(empty | constant if scale != "none" else empty)
