"""Relations do not depend on the scale of what they relate, however small, and defaults are those of the papers."""

from __future__ import annotations

import pytest
import torch

from losses.outputs import of_feature, randoms
from xdistill.types import Output
from xdistill_losses.numerics import correlation


@pytest.mark.parametrize("scale", [1.0, 1e-7, 1e-9])
def test_correlation_of_small_rows(scale):
    first, second = randoms(3, 5, seed=1), randoms(3, 5, seed=2)
    expected = [torch.corrcoef(torch.stack(pair))[0, 1].item() for pair in zip(first, second, strict=True)]
    assert correlation(scale * first, scale * second).tolist() == pytest.approx(expected)


@pytest.mark.parametrize("scale", [1.0, 1e-3, 1e-6])
def test_alignment_of_small_features(value_of, scale):
    student, teacher = randoms(6, 4, seed=1), randoms(6, 4, seed=2)
    block = {"use": "cka", "taps": ["tap"]}
    whole = value_of(block, of_feature(student), of_feature(teacher))
    assert value_of(block, of_feature(scale * student), of_feature(scale * teacher)) == pytest.approx(whole)
    assert whole < 1  # they are not taken for features that are equal for all subjects


def test_dist_has_a_temperature_of_one(value_of):
    student, teacher = Output(randoms(4, 3, seed=1)), Output(randoms(4, 3, seed=2))
    default = value_of({"use": "dist"}, student, teacher)
    assert default == value_of({"use": "dist", "beta": 1, "gamma": 1, "tau": 1}, student, teacher)


def test_vid_has_a_regressor_of_three_layers(build_for):
    loss = build_for({"use": "vid", "taps": ["tap"]}, student={"tap": (4,)}, teacher={"tap": (6,)})
    matrices = [weights for name, weights in loss.named_parameters() if weights.dim() > 1]
    assert len(matrices) == 3


def test_the_fusion_is_as_wide_as_the_deepest_tap_of_the_student(build_for):
    shapes = {"a": (4, 8, 8), "b": (6, 4, 4), "c": (10, 2, 2)}
    loss = build_for({"use": "review", "taps": ["a", "b", "c"]}, student=shapes)
    assert [fusion.enter[0].out_channels for fusion in loss.fusions] == [10, 10, 10]
    assert [fusion.attend is None for fusion in loss.fusions] == [False, False, True]


def test_the_deepest_fusion_meets_the_deepest_tap_of_the_teacher(build_for):
    shapes = {"a": (2, 8, 8), "b": (3, 4, 4), "c": (4, 2, 2)}
    loss = build_for({"use": "review", "taps": ["a", "b", "c"]}, student=shapes)
    fused = loss._fused([torch.ones(2, *shape) for shape in shapes.values()], [(8, 8), (4, 4), (2, 2)])
    assert [tuple(value.shape[1:]) for value in fused] == list(shapes.values())
