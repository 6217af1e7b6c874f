"""What is trained is in train mode; everything else is frozen in eval mode."""

import torch
from torch import nn

from xdistill.training.model import set_modes


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
