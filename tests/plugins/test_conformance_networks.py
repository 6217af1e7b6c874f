"""The networks that several plugins' parts go into pass the suites that every plugin's author can inherit."""

import pytest

from xdistill.testing import (
    CallbackConformance,
    EncoderConformance,
    FusionConformance,
    StudentConformance,
    TeacherConformance,
)
from xdistill.types import ModalitySpec, Schema
from xdistill_networks.concat import Concat
from xdistill_networks.given_logits import GivenLogits
from xdistill_networks.mlp import PerceptronNetwork
from xdistill_networks.mlp_encoder import Perceptron
from xdistill_networks.monai.encoder import MonaiNetwork
from xdistill_networks.multibranch import MultiBranch
from xdistill_networks.values import Values
from xdistill_networks.weight_average import WeightAverage

TINY = {"width": 0.0625, "features": 6}


class TestPerceptron(EncoderConformance):
    component = Perceptron

    @pytest.fixture(autouse=True, params=["none", "batch", "layer"])
    def norm(self, request):
        self.settings = {"inputs": ["table"], "hidden": [8], "features": 4, "norm": request.param, "dropout": 0.1}


class TestValues(EncoderConformance):
    component = Values
    settings = {"inputs": ["table"]}


class TestMonaiNetwork(EncoderConformance):
    component = MonaiNetwork

    @pytest.fixture(autouse=True, params=["scan", "picture"])
    def image(self, request):
        small = {"init_features": 4, "growth_rate": 2, "block_config": [1, 1]}
        self.settings = {
            "inputs": [request.param],
            "network": "DenseNet",
            "settings": small,
            "features": 5,
            "map": "features",
        }


class TestGivenLogits(TeacherConformance):
    component = GivenLogits
    settings = {"modality": "logits"}
    schema = Schema({"logits": ModalitySpec("vector", (3,))}, ("a", "b", "c"))


class TestConcat(FusionConformance):
    component = Concat


class TestPerceptronNetworkTeaching(TeacherConformance):
    component = PerceptronNetwork
    settings = {"inputs": ["table"], "hidden": []}


class TestPerceptronNetwork(StudentConformance):
    component = PerceptronNetwork

    @pytest.fixture(autouse=True, params=["none", "batch", "layer"])
    def norm(self, request):
        self.settings = {"inputs": ["table"], "hidden": [8], "norm": request.param, "dropout": 0.1}


def branches(kind, *, more=()):
    return {name: {"use": kind, "inputs": [name, *more], **TINY} for name in ("scan", "second_scan")}


class TestMultiBranchAsTeacher(TeacherConformance):
    component = MultiBranch
    settings = {"branches": branches("mri_clinical_fusion", more=["table"]), "fusion": "cross_attention"}


class TestMultiBranchAsStudent(StudentConformance):
    component = MultiBranch
    settings = {"branches": branches("mri_only"), "fusion": "cross_attention"}


class TestWeightAverage(CallbackConformance):
    component = WeightAverage

    @pytest.fixture(autouse=True, params=[{}, {"decay": None, "start": 0.5}])
    def kind_of_average(self, request):
        self.settings = request.param
