"""The average of a network's weights."""

import pytest
import torch

from xdistill.interfaces import Callback
from xdistill.testing.helpers.training import toy_trainer, train
from xdistill_networks.weight_average import WeightAverage


class Seen(Callback):
    """Keeps the weights after each step."""

    name = "seen"

    def __init__(self):
        super().__init__()
        self.weights = []

    def on_batch_end(self, trainer, batch, losses):
        self.weights.append(weight_of(trainer).clone())


def weight_of(trainer, role="student"):
    return trainer.model.networks[role].module.weight.detach()


def average(**settings):
    return WeightAverage(WeightAverage.Config(**settings))


def trained(**settings):
    seen = Seen()
    trainer = toy_trainer([seen, average(**settings)])
    train(trainer)
    return weight_of(trainer), torch.stack(seen.weights)


def test_without_decay_it_is_the_mean_of_all_steps():
    found, steps = trained(decay=None)
    assert len(steps) == 6
    torch.testing.assert_close(found, steps.mean(dim=0))


def test_it_begins_after_a_share_of_the_epochs():
    found, steps = trained(decay=None, start=0.5)
    torch.testing.assert_close(found, steps[2:].mean(dim=0), msg="epochs 2 and 3 of three")


def test_with_decay_later_steps_weigh_more():
    found, steps = trained(decay=0.75)
    expected = steps[0]
    for step in steps[1:]:
        expected = 0.75 * expected + 0.25 * step
    torch.testing.assert_close(found, expected)


def test_a_network_that_the_stage_does_not_train_is_left_alone():
    plain, trainer = toy_trainer(), toy_trainer([average(network="teacher")])
    train(plain), train(trainer)
    for role in ("teacher", "student"):
        assert torch.equal(weight_of(plain, role), weight_of(trainer, role))


@pytest.mark.parametrize("decay", [0.9, None])
def test_a_stage_that_is_stopped_continues_to_the_same_bits(decay):
    whole = toy_trainer([average(decay=decay)])
    train(whole)
    callback = average(decay=decay)
    stopped = toy_trainer([callback])
    train(stopped, until=2)
    resumed_callback = average(decay=decay)
    resumed = toy_trainer([resumed_callback])
    resumed.model.load_state_dict(stopped.model.state_dict())
    resumed_callback.load_state_dict(callback.state_dict())
    train(resumed, done=2)
    assert torch.equal(weight_of(whole), weight_of(resumed))
