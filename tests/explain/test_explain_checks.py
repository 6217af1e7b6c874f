"""The two sanity checks, on a student that has learned something."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from explain.toy_students import spots
from xdistill.deployment.explain import Options, explain_arrays
from xdistill.deployment.explain.attributions import attribute, member_inputs
from xdistill.deployment.explain.checks import CheckSummary, area, checked, shuffled
from xdistill.deployment.explain.explanation import Checks, Explanation
from xdistill.models.arrays import cohort_of

METHODS = ("gradcam", "ig", "occlusion")


@pytest.mark.parametrize("method", METHODS)
def test_a_trained_student_passes_both_checks(trained, method):
    image, _, _ = spots(6, seed=1000)
    found = list(explain_arrays(trained, {"xray": image}, Options(method, check=True), device="cpu"))
    summary = CheckSummary.of(found)
    assert summary.subjects == 6
    assert summary.correlation < 0.5
    assert area(summary.deleted) < area(summary.random) - 0.02
    assert summary.below >= 5
    assert [line.partition(":")[0] for line in summary.lines()] == ["passed", "passed"]


@pytest.mark.parametrize("options", [Options("ig"), Options("occlusion")])
def test_the_peak_points_at_what_was_learned(trained, options):
    image, spot, target = spots(12, seed=2000)
    found = list(explain_arrays(trained, {"xray": image}, options, device="cpu"))
    assert [one.prediction for one in found] == [trained.classes[one] for one in target]
    hits = [bool(place[one.maps["xray"].peak]) for one, place in zip(found, spot, strict=True)]
    assert sum(hits) >= 8  # by chance, one of twelve


def test_a_map_that_ignores_the_weights_fails(trained, monkeypatch):
    """Such as the edges of the image, which look like an explanation."""
    image, _, _ = spots(1, seed=3)
    options = Options("ig", target="bright")
    with trained.on_device("cpu") as fabric:
        inputs = member_inputs(trained, cohort_of(trained, {"xray": image}), fabric, 1, options)
        edges = replace(attribute(inputs, options), values={"xray": np.abs(np.gradient(image[0, 0])[0]).astype(float)})
        monkeypatch.setattr("xdistill.deployment.explain.checks.attribute", lambda *_: edges)
        found = checked(inputs, edges, options)
    assert found.correlation == pytest.approx(1)
    summary = CheckSummary.of([Explanation("a", checks=found)])
    assert not summary.depends
    assert summary.lines()[0].startswith("FAILED: ")


def test_an_upside_down_map_has_a_worse_deletion_curve(trained):
    image, _, _ = spots(2, seed=4)
    options = Options("occlusion")
    with trained.on_device("cpu") as fabric:
        inputs = member_inputs(trained, cohort_of(trained, {"xray": image[1:]}), fabric, 1, options)
        right = attribute(inputs, options)
        wrong = replace(right, values={"xray": -right.values["xray"]})
        assert area(checked(inputs, right, options).deleted) < area(checked(inputs, wrong, options).deleted)


def test_curves_start_at_the_probability_and_end_together(trained):
    image, _, _ = spots(1, seed=5)
    (found,) = explain_arrays(trained, {"xray": image}, Options("gradcam", check=True), device="cpu")
    assert found.checks.deleted[0] == pytest.approx(found.probability, abs=1e-5)
    assert found.checks.random[0] == pytest.approx(found.probability, abs=1e-5)
    assert found.checks.deleted[-1] == pytest.approx(found.checks.random[-1], abs=1e-5)


def test_areas_and_summaries_by_hand():
    assert area(np.array([1.0, 0.5, 0.0])) == pytest.approx(0.5)
    assert area(np.array([1.0, 0.0, 0.0])) == pytest.approx(0.25)
    one = Explanation("a", checks=Checks(0.2, np.array([1.0, 0.0]), np.array([1.0, 0.5])))
    other = Explanation("b", checks=Checks(0.6, np.array([1.0, 0.4]), np.array([1.0, 0.2])))
    summary = CheckSummary.of([one, other, Explanation("c")])
    assert (summary.subjects, summary.below, summary.correlation) == (2, 1, pytest.approx(0.4))
    assert (area(summary.deleted), area(summary.random)) == (pytest.approx(0.6), pytest.approx(0.675))
    assert CheckSummary.of([Explanation("c")]) is None


def test_shuffling_keeps_the_entries_of_every_weight():
    network = nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8))
    other = shuffled(network, seed=1)
    for before, after in zip(network.parameters(), other.parameters(), strict=True):
        assert torch.equal(before.flatten().sort().values, after.flatten().sort().values)
    assert not torch.equal(network[0].weight, other[0].weight)
    assert torch.equal(network[0].weight, network[0].weight.clone())
    assert torch.equal(shuffled(network, seed=1)[0].weight, other[0].weight)
