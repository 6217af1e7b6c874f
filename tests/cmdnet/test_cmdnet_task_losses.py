from __future__ import annotations

from math import log

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy.special import softmax
from torch.nn import functional as F

from xdistill.errors import SettingsError
from xdistill.interfaces import TrainingFacts
from xdistill.types import Output, OutputSpec
from xdistill_cmdnet.classification import focal_loss

SPEC = OutputSpec(outputs=3, features={"hbp": (4,), "pre": (4,), "hbp.map": (2, 3, 3)})


def randoms(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def output(seed=0, subjects=4):
    features = {tap: randoms(subjects, *shape, seed=seed + 7) for tap, shape in SPEC.features.items()}
    return Output(logits=randoms(subjects, 3, seed=seed), features=features)


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

    def test_inverse_frequency_is_one_on_average_over_training_subjects(self, build, training):
        loss = build("task_loss", {"use": "focal", "alpha": "inverse_frequency"}, output=SPEC, training=training)
        torch.testing.assert_close(loss.alpha, torch.tensor([10 / 18, 10 / 9, 10 / 3]))
        assert (loss.alpha * torch.tensor(training.class_counts)).sum().item() == pytest.approx(10)

    def test_numbers_stand_in_the_order_of_the_classes(self, build, training):
        loss = build("task_loss", {"use": "focal", "alpha": [1, 2, 3]}, output=SPEC, training=training)
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

    def test_wrong_number_of_factors(self, build, training):
        with pytest.raises(SettingsError, match="alpha has 2 numbers, and there are 3 classes: M0, M1, M2") as caught:
            build("task_loss", {"use": "focal", "alpha": [1, 2]}, output=SPEC, training=training)
        assert caught.value.field == "alpha"

    def test_a_class_without_training_subjects(self, build, schema):
        facts = TrainingFacts(schema=schema, class_counts=(5, 0, 5))
        with pytest.raises(SettingsError, match="'M1' has no training subject"):
            build("task_loss", {"use": "focal", "alpha": "inverse_frequency"}, output=SPEC, training=facts)

    @pytest.mark.parametrize("settings", [{"gamma": -1}, {"alpha": [0, 1, 1]}, {"alpha": "balanced"}])
    def test_settings_out_of_range(self, build, training, settings):
        with pytest.raises(ValidationError):
            build("task_loss", {"use": "focal", **settings}, output=SPEC, training=training)


def test_cross_entropy_smooths_labels(build, training, make_batch):
    loss = build("task_loss", {"use": "cross_entropy", "label_smoothing": 0.3}, output=SPEC, training=training)
    logits = torch.zeros(4, 3, dtype=torch.float64)
    logits[:, 0] = 1.0
    share = softmax([1.0, 0.0, 0.0])
    own = np.array([0, 1, 2, 0])
    expected = -(0.7 * np.log(share[own]) + 0.3 * np.log(share).mean())
    assert loss(Output(logits), make_batch()).item() == pytest.approx(expected.mean())


class TestReconstruction:
    def test_only_known_items_of_present_subjects_count(self, build, training, make_batch):
        loss = build(
            "task_loss", {"use": "clinical_reconstruction", "taps": ["hbp", "pre"]}, output=SPEC, training=training
        )
        with torch.no_grad():
            loss.decoder[0].weight.zero_()
            loss.decoder[0].bias.copy_(torch.tensor([1.0, 0.0, 0.0, 0.0]))
        batch = make_batch(subjects=3)
        batch.inputs["clinical"].copy_(
            torch.tensor(
                [
                    # columns: AFP, F, M, INR, and whether AFP and the sex are missing
                    [3.0, 1.0, 0.0, 2.0, 0.0, 0.0],  # 2^2 + 1 + 0 + 2^2
                    [9.0, 9.0, 9.0, 1.0, 1.0, 1.0],  # INR alone is known: 1
                    [5.0, 5.0, 5.0, 5.0, 0.0, 0.0],  # absent
                ]
            )
        )
        batch.present["clinical"][2] = False
        assert loss(output(subjects=3), batch_in_double(loss, batch)).item() == pytest.approx((9.0 + 1.0) / 5)

    def test_nothing_known_is_zero_and_differentiable(self, build, training, make_batch):
        loss = build("task_loss", {"use": "clinical_reconstruction", "taps": ["hbp"]}, output=SPEC, training=training)
        batch = make_batch()
        batch.present["clinical"][:] = False
        value = loss(output(), batch_in_double(loss, batch))
        value.backward()
        assert value.item() == 0.0

    def test_network_and_decoder_learn(self, build, training, make_batch):
        block = {"use": "clinical_reconstruction", "taps": ["hbp", "hbp.map"], "hidden": [5]}
        loss = build("task_loss", block, output=SPEC, training=training).double()
        made = output()
        for value in made.features.values():
            value.requires_grad_()
        loss(made, make_batch(dtype=torch.float64)).backward()
        assert all(parameter.grad.any() for parameter in loss.parameters())
        assert made.features["hbp.map"].grad.any()
        assert made.features["pre"].grad is None

    def test_columns_without_indicators_always_count(self, build, schema):
        bare = schema.with_modality("clinical", type(schema.modalities["clinical"])("vector", (2,)))
        facts = TrainingFacts(schema=bare, class_counts=(1, 1, 1))
        loss = build("task_loss", {"use": "clinical_reconstruction", "taps": ["hbp"]}, output=SPEC, training=facts)
        assert loss.decoder[0].out_features == 2
        assert loss.indicators.tolist() == [-1, -1]

    @pytest.mark.parametrize(
        ("settings", "field", "message"),
        [
            ({"modality": "lab"}, "modality", "no vector modality 'lab' to predict; there are: clinical"),
            ({"modality": "hbp"}, "modality", "no vector modality 'hbp'"),
            ({"taps": ["hpb"]}, "taps", "did you mean 'hbp'"),
        ],
    )
    def test_faults(self, build, training, settings, field, message):
        block = {"use": "clinical_reconstruction", "taps": ["hbp"], **settings}
        with pytest.raises(SettingsError, match=message) as caught:
            build("task_loss", block, output=SPEC, training=training)
        assert caught.value.field == field


def batch_in_double(loss, batch):
    loss.double()
    inputs = {name: value.double() for name, value in batch.inputs.items()}
    return type(batch)(inputs=inputs, present=batch.present, subjects=batch.subjects, target=batch.target)
