from __future__ import annotations

import pytest
import torch

from xdistill.errors import SettingsError
from xdistill.interfaces import TrainingFacts
from xdistill.types import Output, OutputSpec

SPEC = OutputSpec(outputs=3, features={"hbp": (4,), "pre": (4,), "hbp.map": (2, 3, 3)})


def randoms(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def output(seed=0, subjects=4):
    features = {tap: randoms(subjects, *shape, seed=seed + 7) for tap, shape in SPEC.features.items()}
    return Output(logits=randoms(subjects, 3, seed=seed), features=features)


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

    def test_chosen_items_alone_are_predicted(self, build, training):
        block = {"use": "clinical_reconstruction", "taps": ["hbp"], "items": ["sex"]}
        loss = build("task_loss", block, output=SPEC, training=training)
        assert loss.items.tolist() == [1, 2], "both categories"
        assert loss.indicators.tolist() == [5, 5]
        assert loss.decoder[0].out_features == 2

    def test_columns_without_indicators_always_count(self, build, schema):
        bare = schema.with_modality("clinical", type(schema.modalities["clinical"])("vector", (2,)))
        facts = TrainingFacts(schema=bare, class_counts=(1, 1, 1))
        loss = build("task_loss", {"use": "clinical_reconstruction", "taps": ["hbp"]}, output=SPEC, training=facts)
        assert loss.decoder[0].out_features == 2
        assert loss.indicators.tolist() == [-1, -1]

    @pytest.mark.parametrize(
        ("settings", "field", "message"),
        [
            ({"modality": "lab"}, "modality", "no vector modality 'lab' to predict; vector modalities: clinical"),
            ({"modality": "hbp"}, "modality", "no vector modality 'hbp'"),
            ({"items": ["sx"]}, "items", "the modality 'clinical' has no item 'sx'; did you mean `sex`"),
            ({"taps": ["hpb"]}, "taps", "did you mean `hbp`"),
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
