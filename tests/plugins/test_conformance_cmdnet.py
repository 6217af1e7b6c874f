"""CMD-Net's components pass the suites that every plugin's author can inherit."""

import pytest
import torch

from xdistill.interfaces import BranchSpec
from xdistill.testing import (
    DistillationLossConformance,
    EncoderConformance,
    FusionConformance,
    GoldenDistillation,
    GoldenTask,
    StudentConformance,
    TaskLossConformance,
    TeacherConformance,
)
from xdistill.types import Output
from xdistill_cmdnet.classification import CrossEntropy, Focal
from xdistill_cmdnet.cross_attention import CrossAttention
from xdistill_cmdnet.distillation import ClassKL, FeatureKL, FeatureMSE
from xdistill_cmdnet.encoders import MriClinicalFusion, MriOnly
from xdistill_cmdnet.multibranch import MultiBranch
from xdistill_cmdnet.reconstruction import ClinicalReconstruction

TINY = {"width": 0.0625, "features": 6}
EVEN = torch.tensor([[0.0, 0.0, 0.0]], dtype=torch.float64)
SURE = torch.log(torch.tensor([[0.5, 0.25, 0.25]], dtype=torch.float64))


class TestClassKL(DistillationLossConformance):
    component = ClassKL
    at_identity = "zero"
    # By hand: 1/2 log(1/2 * 3) + 2 * 1/4 log(1/4 * 3).
    golden = (GoldenDistillation(Output(EVEN), Output(SURE), 0.0588915178),)


class TestClassKLOfTheStudent(DistillationLossConformance):
    component = ClassKL
    settings = {"temperature": 4.0, "direction": "student_teacher", "reduction": "sum"}
    at_identity = "zero"


class TestFeatureKL(DistillationLossConformance):
    component = FeatureKL
    at_identity = "zero"
    unequal_widths = "refused"

    @pytest.fixture(autouse=True, params=["softmax", "standardized", "sigmoid"])
    def way(self, request):
        self.settings = {"taps": ["first", "second"], "tap_weights": {"first": 0.5}, "normalize": request.param}


class TestFeatureMSE(DistillationLossConformance):
    component = FeatureMSE
    settings = {"taps": ["first"]}
    at_identity = "zero"
    unequal_widths = "refused"


class TestFocal(TaskLossConformance):
    component = Focal
    settings = {"alpha": "inverse_frequency"}
    # By hand: (1 - 1/2)^2 log 2, and the factor that ten training subjects give the first of three classes.
    golden = (
        GoldenTask(SURE, torch.tensor([0]), 0.1732867951 * 10 / (3 * 6)),
        GoldenTask(SURE, torch.tensor([0]), 0.1732867951, settings={"gamma": 2.0}),
    )


class TestCrossEntropy(TaskLossConformance):
    component = CrossEntropy
    settings = {"label_smoothing": 0.1}
    golden = (GoldenTask(SURE, torch.tensor([0]), 0.6931471806, settings={"label_smoothing": 0.0}),)


class TestClinicalReconstruction(TaskLossConformance):
    component = ClinicalReconstruction
    settings = {"taps": ["first", "second"], "modality": "table", "hidden": [4]}
    scores_logits = False


class TestMriOnly(EncoderConformance):
    component = MriOnly

    @pytest.fixture(autouse=True, params=["scan", "picture"])
    def image(self, request):
        self.settings = {"inputs": [request.param], **TINY}


class TestMriClinicalFusion(EncoderConformance):
    component = MriClinicalFusion
    settings = {"inputs": ["scan", "table"], **TINY}


class TestCrossAttention(FusionConformance):
    component = CrossAttention


class TestCrossAttentionOverPositions(FusionConformance):
    component = CrossAttention
    settings = {"tokens": "voxels", "residual": True, "share_kv": False, "heads": 2}
    branches = {name: BranchSpec(8, 4) for name in ("first", "second", "third")}


def branches(kind, *, more=()):
    return {name: {"use": kind, "inputs": [name, *more], **TINY} for name in ("scan", "second_scan")}


class TestMultiBranchAsTeacher(TeacherConformance):
    component = MultiBranch
    settings = {"branches": branches("mri_clinical_fusion", more=["table"]), "fusion": "cross_attention"}


class TestMultiBranchAsStudent(StudentConformance):
    component = MultiBranch
    settings = {"branches": branches("mri_only"), "fusion": "cross_attention"}
