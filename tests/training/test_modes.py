"""What is trained is in train mode; everything else is frozen in eval mode."""

import torch
from torch import nn

from xdistill.interfaces.fine_tuning import FineTuned
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


class Pretrained(FineTuned):
    """Two layers: the first is frozen, the second learns slowly."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(2, 2), nn.Linear(2, 2)

    def learning_rates(self):
        return {"first.weight": 0.0, "first.bias": 0.0, "second.weight": 0.1}


def test_what_learns_at_a_rate_of_zero_gets_no_gradient():
    network = nn.Sequential(Pretrained(), nn.Linear(2, 2))
    set_modes({"student": network}, ["student"])
    frozen = [name for name, parameter in network.named_parameters() if not parameter.requires_grad]
    assert frozen == ["0.first.weight", "0.first.bias"]
