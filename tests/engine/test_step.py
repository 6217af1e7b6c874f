import pytest
import torch
from torch import nn
from xdistill.training.step import learning_rate, set_modes

from xdistill.recipe.schema.recipe import Optimizer


def test_cosine_falls_from_the_peak_to_nothing():
    settings = Optimizer(lr=1.0, schedule="cosine")
    assert learning_rate(settings, 0, 100) == 1.0
    assert learning_rate(settings, 50, 100) == pytest.approx(0.5)
    assert learning_rate(settings, 100, 100) == pytest.approx(0.0, abs=1e-12)


def test_linear_and_constant():
    assert learning_rate(Optimizer(lr=2.0, schedule="linear"), 25, 100) == pytest.approx(1.5)
    assert learning_rate(Optimizer(lr=2.0, schedule="constant"), 99, 100) == 2.0


def test_warm_up_rises_to_the_peak():
    settings = Optimizer(lr=1.0, schedule="cosine", warmup=0.1)
    assert [learning_rate(settings, step, 100) for step in (0, 4, 9, 10)] == pytest.approx([0.1, 0.5, 1.0, 1.0])


def network():
    return nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))


def test_a_frozen_network_is_in_eval_mode_and_stays_as_it_is():
    networks = {"teacher": network(), "student": network()}
    set_modes(networks, ["student"])
    assert not networks["teacher"].training
    assert not any(parameter.requires_grad for parameter in networks["teacher"].parameters())
    before = networks["teacher"][1].running_mean.clone()
    networks["teacher"](torch.randn(4, 2))
    assert torch.equal(networks["teacher"][1].running_mean, before)
    assert networks["student"].training


def test_parts_can_be_trained_alone():
    networks = {"student": network()}
    set_modes(networks, ["student.0"])
    assert [module.training for module in networks["student"]] == [True, False]
    assert [parameter.requires_grad for parameter in networks["student"].parameters()] == [True, True, False, False]
