"""Losses of one network."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy.special import softmax
from torch.nn import functional as F

from losses.outputs import make_batch, randoms
from xdistill.errors import SettingsError
from xdistill.interfaces import TaskLoss, TrainingFacts
from xdistill.interfaces.component import choose
from xdistill.types import Output, OutputSpec, Schema
from xdistill_losses.task.classification import focal_loss

SPEC = OutputSpec(outputs=3)
SCHEMA = Schema({}, ("M0", "M1", "M2"))
TRAINING = TrainingFacts(schema=SCHEMA, class_counts=(6, 3, 1))


@pytest.fixture
def build_task(losses):
    """A task loss from its block."""

    def make(block, training=TRAINING):
        return choose(TaskLoss, block, losses).build(output=SPEC, training=training)

    return make


class TestFocal:
    def test_definition_by_hand(self):
        # Probabilities 1/4 and 3/4 for the own class.
        logits = torch.tensor([[0.0, log(3.0)], [0.0, log(3.0)]], dtype=torch.float64)
        loss = focal_loss(logits, torch.tensor([0, 1]), gamma=2.0)
        assert loss.item() == pytest.approx((0.75**2 * -log(0.25) + 0.25**2 * -log(0.75)) / 2)

    def test_gamma_zero_is_cross_entropy(self):
        logits, target = randoms(6, 3), torch.arange(6) % 3
        torch.testing.assert_close(focal_loss(logits, target, gamma=0.0), F.cross_entropy(logits, target))

    def test_alpha_is_a_factor_of_the_own_class(self):
        logits = torch.zeros(2, 2, dtype=torch.float64)
        alpha = torch.tensor([2.0, 0.5], dtype=torch.float64)
        loss = focal_loss(logits, torch.tensor([0, 1]), gamma=1.0, alpha=alpha)
        assert loss.item() == pytest.approx((2.0 + 0.5) * 0.5 * log(2) / 2)

    def test_inverse_frequency_is_one_on_average_over_training_subjects(self, build_task):
        loss = build_task({"use": "focal", "alpha": "inverse_frequency"})
        torch.testing.assert_close(loss.alpha, torch.tensor([10 / 18, 10 / 9, 10 / 3]))
        assert (loss.alpha * torch.tensor(TRAINING.class_counts)).sum().item() == pytest.approx(10)

    def test_numbers_stand_in_the_order_of_the_classes(self, build_task):
        loss = build_task({"use": "focal", "alpha": [1, 2, 3]})
        assert torch.equal(loss.alpha, torch.tensor([1.0, 2.0, 3.0]))
        assert not loss.state_dict()

    @pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
    def test_gradients(self, gamma):
        logits = randoms(4, 3).requires_grad_()
        alpha = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)
        target = torch.tensor([0, 1, 2, 1])
        assert torch.autograd.gradcheck(lambda value: focal_loss(value, target, gamma=gamma, alpha=alpha), logits)

    @pytest.mark.parametrize("gamma", [0.5, 2.0])
    def test_extreme_logits_stay_finite(self, gamma):
        logits = torch.tensor([[1e4, -1e4], [-1e4, 1e4]], requires_grad=True)
        for target in ([0, 1], [1, 0]):
            loss = focal_loss(logits, torch.tensor(target), gamma=gamma)
            (grad,) = torch.autograd.grad(loss, logits)
            assert loss.isfinite()
            assert grad.isfinite().all()

    def test_wrong_number_of_factors(self, build_task):
        with pytest.raises(SettingsError, match="alpha has 2 numbers for 3 classes: M0, M1, M2") as caught:
            build_task({"use": "focal", "alpha": [1, 2]})
        assert caught.value.field == "alpha"

    def test_a_class_without_training_subjects(self, build_task):
        facts = TrainingFacts(schema=SCHEMA, class_counts=(5, 0, 5))
        with pytest.raises(SettingsError, match="'M1' has no training subject"):
            build_task({"use": "focal", "alpha": "inverse_frequency"}, facts)

    @pytest.mark.parametrize("settings", [{"gamma": -1}, {"alpha": [0, 1, 1]}, {"alpha": "balanced"}])
    def test_settings_out_of_range(self, build_task, settings):
        with pytest.raises(ValidationError):
            build_task({"use": "focal", **settings})


def test_cross_entropy_smooths_labels(build_task):
    loss = build_task({"use": "cross_entropy", "label_smoothing": 0.3})
    logits = torch.zeros(4, 3, dtype=torch.float64)
    logits[:, 0] = 1.0
    share = softmax([1.0, 0.0, 0.0])
    own = np.array([0, 1, 2, 0])
    expected = -(0.7 * np.log(share[own]) + 0.3 * np.log(share).mean())
    assert loss(Output(logits), make_batch(4)).item() == pytest.approx(expected.mean())
