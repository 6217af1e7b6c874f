"""Every loss of the library, in each of its forms, passes the suite that every plugin's author can inherit."""

from __future__ import annotations

import pytest
import torch

from xdistill.testing import DistillationLossConformance, GoldenDistillation, GoldenTask, TaskLossConformance
from xdistill.types import Output
from xdistill_losses import xdistill_distillation_losses
from xdistill_losses.features.divergence import FeatureKL
from xdistill_losses.logits.divergence import ClassKL
from xdistill_losses.task.classification import CrossEntropy, Focal

LOSSES = {  # those of other tasks: test_conformance_losses_of_tasks.py
    loss.name: loss
    for loss in xdistill_distillation_losses()
    if getattr(loss, "tasks", ()) in {(), ("classification",)}
}
TAPS = {"taps": ["first", "second"]}
MAPS = {"map": (4, 5, 3), "volume": (4, 3, 2, 5)}
VECTOR = {"vector": (6,)}
ZERO = {"at_identity": "zero"}
ADAPTED = {**ZERO, "unequal_widths": "accepted"}
MATCHED = {**ZERO, "unequal_widths": "refused"}

# The name of the test class: the loss, its settings, what it promises.
SUITES = {
    "Kd": ("kd", {}, ZERO),
    "KdStandardised": ("kd", {"standardise": True, "reduction": "sum"}, ZERO),
    "Dkd": ("dkd", {}, ZERO),
    "Dist": ("dist", {}, ZERO),
    "DistOfSubjects": ("dist", {"beta": 0, "tau": 4}, ZERO),
    "Wsld": ("wsld", {}, ZERO),
    "Generalized": ("generalized", {"temperature": 2}, {}),
    "FeatureMse": ("feature_mse", {"taps": ["first"]}, MATCHED),
    "Hint": ("hint", TAPS, ADAPTED),
    "HintAlwaysAdapted": ("hint", {**TAPS, "adapter": "always"}, {"unequal_widths": "accepted"}),
    "HintNotAdapted": ("hint", {**TAPS, "adapter": "none"}, MATCHED),
    "Vid": ("vid", TAPS, {"unequal_widths": "accepted"}),
    "VidPlain": ("vid", {**TAPS, "depth": 0}, {"at_identity": "minimal", "unequal_widths": "refused"}),
    "AtOfMaps": ("at", TAPS, {**ADAPTED, "feature_shapes": MAPS}),
    "AtOfVectors": ("at", TAPS, {**MATCHED, "feature_shapes": VECTOR}),
    "AtOfThePaper": ("at", {**TAPS, "form": "paper"}, ZERO),
    "FtOfMaps": ("ft", TAPS, {**ADAPTED, "feature_shapes": MAPS}),
    "FtOfVectors": ("ft", TAPS, {**MATCHED, "feature_shapes": VECTOR}),
    "FtFlat": ("ft", {**TAPS, "flat": True}, ADAPTED),
    "NstOfMaps": ("nst", TAPS, {**ADAPTED, "feature_shapes": MAPS}),
    "NstOfVectors": ("nst", TAPS, {**MATCHED, "feature_shapes": VECTOR}),
    "Cwd": ("cwd", TAPS, ADAPTED),
    "Pkd": ("pkd", TAPS, ADAPTED),
    "Ab": ("ab", TAPS, {"unequal_widths": "accepted"}),
    "Ofd": ("ofd", TAPS, ADAPTED),
    "Fsp": ("fsp", TAPS, ADAPTED),
    "Review": ("review", TAPS, {"unequal_widths": "accepted"}),
    "ReviewWithoutFusion": ("review", {**TAPS, "fusion": False}, MATCHED),
    "Rkd": ("rkd", TAPS, ADAPTED),
    "RkdOfUnitVectors": ("rkd", {**TAPS, "l2": True}, ADAPTED),
    "Pkt": ("pkt", TAPS, ADAPTED),
    "Sp": ("sp", TAPS, ADAPTED),
    "Cc": ("cc", TAPS, ADAPTED),
    "CcBilinear": ("cc", {**TAPS, "kernel": "bilinear"}, ADAPTED),
    "CcRbf": ("cc", {**TAPS, "kernel": "rbf"}, ADAPTED),
    "Crd": ("crd", {**TAPS, "width": 5}, {"unequal_widths": "accepted"}),
    "CrdOfOtherClasses": ("crd", {**TAPS, "width": 5, "negatives": "other_classes"}, {"unequal_widths": "accepted"}),
    "Cka": ("cka", TAPS, ADAPTED),
    "JacobianOfInputs": ("jacobian", {"inputs": ["scan", "table"]}, ZERO),
    "JacobianOfTaps": ("jacobian", {**TAPS, "normalise": False}, MATCHED),
    "JacobianOfThePrediction": ("jacobian", {**TAPS, "of": "teacher"}, MATCHED),
    "CamAttention": ("cam_attention", TAPS, {**ADAPTED, "feature_shapes": MAPS}),
    "CamAttentionOfGradients": ("cam_attention", {**TAPS, "form": "gradient"}, {**ADAPTED, "feature_shapes": MAPS}),
    "CkaOfRelations": ("cka", {**TAPS, "of": "relations"}, ADAPTED),
}

for title, (name, settings, promises) in SUITES.items():
    members = {"component": LOSSES[name], "settings": settings, **promises, "__module__": __name__}
    globals()[f"Test{title}"] = type(f"Test{title}", (DistillationLossConformance,), members)


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


def test_no_loss_is_left_out():
    assert {name for name, *_ in SUITES.values()} | {"class_kl", "feature_kl"} == set(LOSSES)
