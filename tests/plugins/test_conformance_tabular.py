"""The components for vectors pass the suites that every plugin's author can inherit."""

import pytest

from xdistill.testing import EncoderConformance, FusionConformance, TransformConformance
from xdistill_tabular.concat import Concat
from xdistill_tabular.encoder import Perceptron
from xdistill_tabular.transform import TabularTransform


class TestTabularTransform(TransformConformance):
    component = TabularTransform
    fills = True

    @pytest.fixture(autouse=True, params=["standard", "robust", "power"])
    def scale(self, request):
        self.settings = {"modality": "table", "scale": request.param}


class TestPerceptron(EncoderConformance):
    component = Perceptron

    @pytest.fixture(autouse=True, params=["none", "batch", "layer"])
    def norm(self, request):
        self.settings = {"inputs": ["table"], "hidden": [8], "features": 4, "norm": request.param, "dropout": 0.1}


class TestConcat(FusionConformance):
    component = Concat
