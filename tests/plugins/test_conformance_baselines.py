"""The baselines pass the suites that every plugin's author can inherit."""

import pytest

from xdistill.testing import (
    EstimatorConformance,
    StudentConformance,
    TeacherConformance,
)
from xdistill_baselines.cnn3d import Cnn3d
from xdistill_baselines.concat import Concat
from xdistill_baselines.concat_2s import Concat2S
from xdistill_baselines.fitted import Fitted
from xdistill_baselines.linear_svm import LinearSvm
from xdistill_baselines.logistic_regression import LogisticRegression
from xdistill_baselines.lstm import Lstm
from xdistill_baselines.m2net import M2Net
from xdistill_baselines.majority import Majority

TINY = {"use": "mri_only", "width": 0.0625, "features": 6}
BRANCHES = {name: {**TINY, "inputs": [name]} for name in ("scan", "second_scan")}


class TestConcat(StudentConformance):
    component = Concat
    settings = {"branches": BRANCHES, "hidden": [8]}


class TestConcat2S(StudentConformance):
    component = Concat2S
    settings = {"branches": BRANCHES, "hidden": [8]}


class TestCnn3d(StudentConformance):
    component = Cnn3d
    settings = {"phases": ["scan", "second_scan"], "encoder": {**TINY, "inputs": ["stack"]}}


class TestLstm(StudentConformance):
    component = Lstm

    @pytest.fixture(autouse=True, params=[False, True])
    def shared(self, request):
        sequence = ["second_scan", "scan"]
        self.settings = {"branches": BRANCHES, "sequence": sequence, "hidden": 5, "share_encoder": request.param}


class TestM2Net(StudentConformance):
    component = M2Net
    settings = {"modalities": ["scan", "second_scan"], "width": 0.0625, "bilinear_features": 8}


class TestLogisticRegression(EstimatorConformance):
    component = LogisticRegression


class TestLinearSvm(EstimatorConformance):
    component = LinearSvm


class TestMajority(EstimatorConformance):
    component = Majority
    learns = False


class TestFitted(StudentConformance):
    component = Fitted
    settings = {"inputs": ["table"], "estimator": {"use": "logistic_regression"}}
    expected_failures = {"test_every_input_matters": "nothing is known before the estimator is fitted"}


class TestFittedTeaching(TeacherConformance):
    component = Fitted
    settings = {"inputs": ["table", "scan"], "estimator": {"use": "majority"}}
    expected_failures = {"test_every_input_matters": "the majority's share depends on no input"}
