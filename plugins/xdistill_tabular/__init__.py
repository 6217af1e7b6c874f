"""Vector modalities: data sets, imputing and scaling, forests and boosted trees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdistill.plugin import hookimpl

if TYPE_CHECKING:
    from xdistill.interfaces import Dataset, Estimator, Transform

XDISTILL_API = 1


@hookimpl
def xdistill_datasets() -> list[type[Dataset]]:
    """Data sets that need no file, or tables alone."""
    from xdistill_tabular.breast_survival import BreastSurvival
    from xdistill_tabular.bundled import BreastCancer, Diabetes
    from xdistill_tabular.digits import Digits
    from xdistill_tabular.findings import Findings
    from xdistill_tabular.lupi import Lupi
    from xdistill_tabular.mogonet import Mogonet
    from xdistill_tabular.table import Table

    return [BreastCancer, BreastSurvival, Diabetes, Digits, Findings, Lupi, Mogonet, Table]


@hookimpl
def xdistill_transforms() -> list[type[Transform]]:
    """From a table's columns to numbers a network can read."""
    from xdistill_tabular.transform import TabularTransform

    return [TabularTransform]


@hookimpl
def xdistill_estimators() -> list[type[Estimator]]:
    """What is fitted to vectors at once."""
    from xdistill_tabular.boosted import BoostedTrees
    from xdistill_tabular.forest import RandomForest
    from xdistill_tabular.regressors import BoostedRegressor, ForestRegressor

    return [RandomForest, BoostedTrees, ForestRegressor, BoostedRegressor]
