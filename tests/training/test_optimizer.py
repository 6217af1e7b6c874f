import pytest
import torch
from torch import nn

from xdistill.recipe.schema.recipe import Optimizer, TermOptimizer
from xdistill.training.optimizer import learning_rate_factor, make_optimizer, make_scheduler


def test_cosine_falls_from_the_peak_to_nothing():
    settings = Optimizer(lr=1.0, schedule="cosine")
    assert learning_rate_factor(settings, 0, 100) == 1.0
    assert learning_rate_factor(settings, 50, 100) == pytest.approx(0.5)
    assert learning_rate_factor(settings, 100, 100) == pytest.approx(0.0, abs=1e-12)


def test_linear_and_constant():
    assert learning_rate_factor(Optimizer(lr=2.0, schedule="linear"), 25, 100) == pytest.approx(0.75)
    assert learning_rate_factor(Optimizer(lr=2.0, schedule="constant"), 99, 100) == 1.0


def test_warm_up_rises_to_the_peak():
    settings = Optimizer(lr=1.0, schedule="cosine", warmup=0.1)
    assert [learning_rate_factor(settings, step, 100) for step in (0, 4, 9, 10)] == pytest.approx([0.1, 0.5, 1.0, 1.0])


def test_the_rate_is_that_of_the_recipe_times_the_factor():
    weight = nn.Parameter(torch.zeros(1))
    module = nn.ParameterList([weight])
    settings = Optimizer(use="sgd", lr=2.0, schedule="linear", warmup=0.5)
    optimizer = make_optimizer(module, settings)
    scheduler = make_scheduler(optimizer, settings, steps=4)
    rates = []
    for _ in range(4):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert rates == [1.0, 2.0, 2.0, 1.0]  # two steps of warm-up, then 2 * (1 - 0 / 2) and 2 * (1 - 1 / 2)


def test_parameters_that_do_not_learn_are_no_part_of_the_optimiser():
    module = nn.Linear(2, 1)
    module.bias.requires_grad_(requires_grad=False)
    (group,) = make_optimizer(module, Optimizer()).param_groups
    assert [value is module.weight for value in group["params"]] == [True]


def test_a_loss_has_settings_of_its_own():
    network, adapter = nn.Linear(2, 2), nn.Linear(2, 2, bias=False)
    settings = Optimizer(lr=1.0, weight_decay=0.5)
    own = [(adapter, TermOptimizer(lr=0.1))]
    first, second = make_optimizer(nn.ModuleList([network, adapter]), settings, own).param_groups
    assert (first["params"], first["lr"], first["weight_decay"]) == ([network.weight, network.bias], 1.0, 0.5)
    assert (second["params"], second["lr"], second["weight_decay"]) == ([adapter.weight], 0.1, 0.5)
