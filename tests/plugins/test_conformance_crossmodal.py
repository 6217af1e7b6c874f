"""The methods of cross-modal distillation pass the suites that every plugin's author can inherit."""

import math

import torch

from xdistill.testing import (
    CallbackConformance,
    DatasetConformance,
    DistillationLossConformance,
    GoldenDistillation,
    TeacherConformance,
)
from xdistill.types import Output
from xdistill_crossmodal.focusing.callback import ModalityFocus
from xdistill_crossmodal.focusing.distance import LogitDistance
from xdistill_crossmodal.focusing.mfh import FocusingGaussians
from xdistill_crossmodal.focusing.teacher import FocusedTeacher
from xdistill_crossmodal.gradients.cagrad import ConflictAverse
from xdistill_crossmodal.gradients.ogm import OnTheFlyModulation
from xdistill_crossmodal.gradients.pcgrad import ProjectedGradients
from xdistill_crossmodal.losses.c2kd import CustomisedCrossmodal
from xdistill_crossmodal.losses.margin_aware import MarginAware
from xdistill_crossmodal.losses.ofa import OneForAll
from xdistill_crossmodal.losses.prototypes import Prototypes
from xdistill_crossmodal.losses.semiparametric import Semiparametric

TAPS = {"taps": ["first", "second"]}
EVEN = torch.zeros(1, 3, dtype=torch.float64)
SURE = torch.log(torch.tensor([[0.5, 0.25, 0.25]], dtype=torch.float64))


class TestFocusingGaussians(DatasetConformance):
    component = FocusingGaussians
    settings = {"train": 12, "test": 8, "classes": 3}


class TestFocusedTeacher(TeacherConformance):
    component = FocusedTeacher
    settings = {"network": {"use": "mlp", "inputs": ["table"], "hidden": [4]}, "modality": "table"}


class TestLogitDistance(DistillationLossConformance):
    component = LogitDistance
    at_identity = "zero"
    # By hand: (log(1/2)² + 2 log(1/4)²) / 3.
    golden = (GoldenDistillation(Output(EVEN), Output(SURE), 3 * math.log(2) ** 2),)


class TestC2kd(DistillationLossConformance):
    component = CustomisedCrossmodal
    settings = {"taps": ["first"]}
    unequal_widths = "accepted"


class TestC2kdInOneDirection(DistillationLossConformance):
    component = CustomisedCrossmodal
    settings = {"taps": ["first"], "threshold": None, "bidirectional": False}
    unequal_widths = "accepted"


class TestMarginAware(DistillationLossConformance):
    component = MarginAware
    settings = TAPS
    at_identity = "zero"
    unequal_widths = "accepted"


class TestMarginAwareOfEqualWeights(DistillationLossConformance):
    component = MarginAware
    settings = {**TAPS, "weights": "uniform"}
    at_identity = "zero"
    unequal_widths = "accepted"


class TestPrototypes(DistillationLossConformance):
    component = Prototypes
    settings = TAPS
    at_identity = "zero"
    unequal_widths = "accepted"


class TestPrototypesOfSubjects(DistillationLossConformance):
    component = Prototypes
    settings = {**TAPS, "reference": "subjects"}
    at_identity = "zero"
    unequal_widths = "accepted"


class TestOfa(DistillationLossConformance):
    component = OneForAll


class TestOfaPlain(DistillationLossConformance):
    component = OneForAll
    settings = {"gamma": 1}
    at_identity = "minimal"


class TestOfaOfTheCode(DistillationLossConformance):
    component = OneForAll
    settings = {"form": "code", "temperature": 2}


class TestSemiparametric(DistillationLossConformance):
    component = Semiparametric


class TestSemiparametricPlain(DistillationLossConformance):
    component = Semiparametric
    settings = {"gamma": 0}
    at_identity = "zero"
    # By hand: 1/2 log(1/2 * 3) + 2 * 1/4 log(1/4 * 3).
    golden = (GoldenDistillation(Output(EVEN), Output(SURE), 0.0588915178),)


class TestSemiparametricOfLogits(DistillationLossConformance):
    component = Semiparametric
    settings = {"form": "logits", "gamma": "orthogonal"}


class TestPcgrad(CallbackConformance):
    component = ProjectedGradients


class TestCagrad(CallbackConformance):
    component = ConflictAverse


class TestOgm(CallbackConformance):
    component = OnTheFlyModulation


class TestModalityFocus(CallbackConformance):
    component = ModalityFocus
