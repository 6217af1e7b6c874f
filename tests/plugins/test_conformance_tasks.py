"""The tasks pass the suite that every plugin's author can inherit."""

import pytest

from xdistill.targets.classification import ReadClassification
from xdistill.targets.multi_label import ReadMultiLabel
from xdistill.targets.ordinal import ReadOrdinal
from xdistill.targets.regression import ReadRegression
from xdistill.testing import DatasetConformance, EstimatorConformance, TaskReaderConformance
from xdistill_baselines.ridge import Ridge
from xdistill_tabular.findings import Findings
from xdistill_tabular.regressors import BoostedRegressor, ForestRegressor

GRADES = ["low", "high", "middle", "low", "middle", "high", "high", "low", "middle", "low"]


class TestReadClassification(TaskReaderConformance):
    component = ReadClassification
    labels = {"label": GRADES}
    refused = {"label": ["low", ""]}


class TestReadOrdinal(TaskReaderConformance):
    component = ReadOrdinal
    labels = {"grade": GRADES}
    refused = {"grade": ["low", "hihg"]}

    @pytest.fixture(autouse=True, params=["corn", "cumulative_link"])
    def link(self, request):
        self.settings = {"classes": ["low", "middle", "high"], "column": "grade", "link": request.param}


class TestReadRegression(TaskReaderConformance):
    component = ReadRegression
    labels = {
        "hba1c": ["5.1", "6", "7.5", "6.2", "5.4", "8", "9.1", "5.9"],
        "crp": ["1", "0.5", "12", "3", "3", "1e2", "40", "7"],
    }
    refused = {"hba1c": ["5.1", "6"], "crp": ["1", "high"]}
    settings = {"targets": ["hba1c", "crp"], "units": {"crp": "mg/L"}}


class TestReadMultiLabel(TaskReaderConformance):
    component = ReadMultiLabel
    labels = {"a": ["0", "1", "1", "0", "1", "0", "0", "1"], "b": ["1", "1", "0", "0", "1", "0", "1", "0"]}
    refused = {"a": ["0", "1"], "b": ["1", "1,0"]}
    settings = {"labels": ["a", "b"]}


class TestReadLists(TaskReaderConformance):
    component = ReadMultiLabel
    labels = {"findings": ["a;b", "b", "none", "a", "a; b", "b", "none", "a"]}
    refused = {"findings": ["a,b", "b"]}
    settings = {"labels": ["a", "b"], "column": "findings"}


class TestForestRegressor(EstimatorConformance):
    component = ForestRegressor
    settings = {"trees": 20}


class TestBoostedRegressor(EstimatorConformance):
    component = BoostedRegressor
    settings = {"rounds": 10}


class TestRidge(EstimatorConformance):
    component = Ridge


class TestFindings(DatasetConformance):
    component = Findings
    settings = {"subjects": 30}
