"""The losses in recipes: a tiny run of three families, what is learned and saved, and what assembly refuses."""

from __future__ import annotations

import csv

import pytest
import torch
from safetensors.torch import load_file

from tiny import loaded, tiny, trained
from xdistill.errors import RecipeError
from xdistill.experiment.assemble import assemble

TAUGHT = ({"use": "focal", "on": "teacher"}, {"use": "focal", "on": "student"})
MAPS = ["hbp.map", "pre.map"]
# Volumes whose last maps have 1 x 2 x 2 positions.
WITH_POSITIONS = {"use": "hcc_phantom", "subjects": 12, "shape": [8, 32, 32]}


def with_terms(*terms, student_features=8):
    recipe = tiny()
    (stage,) = recipe["stages"]
    for role in ("teacher", "student"):
        for branch in recipe[role]["branches"].values():
            branch["blocks"] = 4
    for branch in recipe["student"]["branches"].values():
        branch["features"] = student_features
    return {
        "teacher": recipe["teacher"],
        "student": recipe["student"],
        "stages": [{**stage, "epochs": 1, "objective": [*TAUGHT, *terms]}],
        "crossval": {"folds": 2},
    }


def test_a_tiny_run_of_three_families(tmp_path, shared_cache):
    terms = [
        *({"use": "dkd"}, {"use": "dist"}),
        *({"use": "vid", "taps": MAPS, "depth": 2}, {"use": "at", "taps": ["hbp"]}),
        *({"use": "rkd", "taps": ["fused"]}, {"use": "crd", "taps": ["hbp"], "width": 4}),
    ]
    run = trained(loaded(**with_terms(*terms)), runs=tmp_path, cache=shared_cache)
    fold = run.path / "folds" / "r0-f0"
    (row,) = csv.DictReader((fold / "history.csv").read_text(encoding="utf-8").splitlines())
    assert all(float(row[term["use"]]) != 0 for term in terms)
    tensors = load_file(fold / "losses.safetensors")
    # Two taps of vid with two layers and a variance, one tap of crd with two embeddings; weights and offsets.
    assert len(tensors) == 2 * (2 * 2 + 1) + 2 * 2
    assert all(value.isfinite().all() for value in tensors.values())
    variances = [value for name, value in tensors.items() if name.endswith("raw_variance")]
    assert len(variances) == 2
    assert all(value.unique().numel() > 1 for value in variances)  # all began alike, so they were trained


def test_every_loss_fits_the_tiny_networks(catalog):
    of_logits = [{"use": use} for use in ("kd", "class_kl", "dkd", "dist", "wsld", "generalized")]
    of_maps = ("hint", "feature_mse", "feature_kl", "vid", "pkd", "ab", "ofd", "fsp", "review")
    of_positions = ("at", "ft", "nst", "cwd")  # the tiny maps have a single one
    of_subjects = ("rkd", "pkt", "sp", "cc", "crd", "cka")
    of_gradients = [{"use": "jacobian", "inputs": ["hbp"]}, {"use": "cam_attention", "taps": MAPS}]
    terms = [*of_logits, *of_gradients, *({"use": use, "taps": MAPS} for use in of_maps)]
    terms += [{"use": use, "taps": ["hbp", "fused"]} for use in (*of_subjects, *of_positions)]
    experiment = assemble(loaded(**with_terms(*terms), data=WITH_POSITIONS), catalog)
    assert len(experiment.stages[0].terms) == len(TAUGHT) + len(terms)
    assert {term["use"] for term in terms} == {
        entry.name
        for entry in catalog
        if entry.plugin == "losses"
        and entry.kind == "distillation_loss"
        and "classification" in (entry.component.tasks or ("classification",))
    }


def test_assembly_tells_the_place_of_what_does_not_fit(catalog):
    terms = [{"use": "hint", "taps": ["hbp"], "adapter": "none"}, {"use": "at", "taps": ["pre"]}]
    with pytest.raises(RecipeError) as told:
        assemble(loaded(**with_terms(*terms, student_features=6)), catalog)
    adapter, taps = told.value.problems
    assert adapter.path == "stages.0.objective.2.adapter"
    assert "shape 6 in the student and 8 in the teacher" in adapter.message
    assert "`adapter: auto`" in adapter.message
    assert taps.path == "stages.0.objective.3.taps"


def test_an_adapter_learns(build_for):
    """Gradient descent on adapter and student together brings the loss down."""
    from losses.outputs import make_batch, of_feature, randoms

    loss = build_for({"use": "hint", "taps": ["tap"]}, student={"tap": (2, 3, 3)}, teacher={"tap": (5, 3, 3)})
    student = randoms(4, 2, 3, 3, dtype=torch.float32).requires_grad_()
    teacher = of_feature(randoms(4, 5, 3, 3, seed=2, dtype=torch.float32))
    optimizer = torch.optim.SGD([student, *loss.parameters()], lr=0.5)
    values = []
    for _ in range(20):
        value = loss(of_feature(student), teacher, make_batch(4))
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        values.append(value.item())
    assert values[-1] < 0.9 * values[0]
    assert all(parameter.grad.any() for parameter in loss.parameters())
