"""Statistics of numeric columns: imputed values, powers against skew, centre and spread."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from xdistill.extras import scikit_learn

Impute = Literal["median", "mean", "constant"]
Scale = Literal["standard", "robust", "power", "none"]

Numbers = NDArray[np.float64]


def fit_fill(training: Numbers, impute: Impute, constant: float) -> Numbers:
    """The imputed value of each column; ``constant`` if all training values are missing.

    Args:
        training: ``(subjects, columns)``; NaN is missing.
        impute: which value.
        constant: the value for ``impute="constant"`` and for columns without any value.
    """
    if impute == "constant":
        return np.full(training.shape[1], constant)
    imputer = scikit_learn("impute").SimpleImputer(strategy=impute, keep_empty_features=True).fit(training)
    statistics = np.asarray(imputer.statistics_, dtype=np.float64)
    return np.where(np.isnan(training).all(axis=0), constant, statistics)


def fit_power(filled: Numbers, scale: Scale) -> Numbers:
    """The power of each column's Yeo-Johnson transform (Yeo and Johnson 2000); 1 leaves a column as it is.

    Args:
        filled: ``(subjects, columns)`` of the training subjects, without missing values.
        scale: powers are fitted for ``power`` only.
    """
    from sklearn.preprocessing import PowerTransformer

    powers = np.ones(filled.shape[1])
    varied = filled.min(axis=0) < filled.max(axis=0)
    if scale == "power" and varied.any():
        transformer = PowerTransformer(method="yeo-johnson", standardize=False).fit(filled[:, varied])
        powers[varied] = transformer.lambdas_
    return powers


def raised(values: Numbers, power: float) -> Numbers:
    """The Yeo-Johnson transform of one column, ``(subjects,)``."""
    from scipy.stats import yeojohnson

    return values if power == 1.0 else np.asarray(yeojohnson(values, lmbda=power), dtype=np.float64)


def fit_scale(filled: Numbers, scale: Scale) -> tuple[Numbers, Numbers]:
    """Centre and spread of each column.

    Args:
        filled: ``(subjects, columns)`` of the training subjects, without missing values and after the powers.
        scale: mean and standard deviation (also for ``power``), median and interquartile range, or nothing.
    """
    from sklearn.preprocessing import RobustScaler, StandardScaler

    if scale == "none":
        return np.zeros(filled.shape[1]), np.ones(filled.shape[1])
    if scale in {"standard", "power"}:
        standard = StandardScaler().fit(filled)
        return np.asarray(standard.mean_, dtype=np.float64), np.asarray(standard.scale_, dtype=np.float64)
    robust = RobustScaler().fit(filled)
    return np.asarray(robust.center_, dtype=np.float64), np.asarray(robust.scale_, dtype=np.float64)


def says_nothing(training: Numbers, filled: Numbers, scale: Scale) -> NDArray[np.bool_]:
    """Columns without any training value and, if columns are scaled, those with a single one.

    They become 0 for every subject: no weight was learned for them, so a different value of a test subject must not
    reach the network.
    """
    empty = np.isnan(training).all(axis=0)
    constant = filled.min(axis=0) == filled.max(axis=0)
    return np.asarray(empty | constant if scale != "none" else empty)
