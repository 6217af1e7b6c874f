"""Every loss of the library, in each of its forms, passes the suite that every plugin's author can inherit."""

from __future__ import annotations

from xdistill.testing import DistillationLossConformance
from xdistill_losses import xdistill_distillation_losses

LOSSES = {loss.name: loss for loss in xdistill_distillation_losses()}
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


def test_no_loss_is_left_out():
    assert {name for name, *_ in SUITES.values()} == set(LOSSES)
