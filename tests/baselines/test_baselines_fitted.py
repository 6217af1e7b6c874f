"""Estimators in networks: on the values as they are, and on what concat has learned."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError

from baselines.blocks import BLOCKS
from xdistill.errors import SettingsError

TABLE = {"use": "fitted", "inputs": ["clinical"], "estimator": {"use": "logistic_regression"}}
SVM = {**BLOCKS["concat"], "estimator": {"use": "linear_svm", "calibration_folds": 2}}


def test_the_values_of_all_modalities_stand_side_by_side(build, make_batch):
    network = build({**TABLE, "inputs": ["clinical", "pre"]})
    batch = make_batch(inputs=network.inputs)
    side_by_side = torch.cat([batch.inputs["clinical"], batch.inputs["pre"].reshape(4, -1)], dim=1)
    assert network.inputs == ("clinical", "pre")
    assert network.estimator.inputs == 4 + 9 * 17 * 12
    output = network(batch)
    assert torch.equal(output.features["fused"], side_by_side)
    network.estimator.fit(side_by_side, torch.tensor([0, 1, 2, 0]), seed=0)
    assert torch.equal(network(batch).logits, network.estimator(side_by_side))
    assert network(batch).logits.argmax(dim=1).tolist() == [0, 1, 2, 0]


def test_an_estimator_may_look_at_nothing(build, make_batch):
    network = build({"use": "fitted", "inputs": [], "estimator": "majority"})
    batch = make_batch(inputs=())
    network.estimator.fit(network(batch).features["fused"], torch.tensor([0, 1, 2, 0]), seed=0)
    assert torch.softmax(network(batch).logits, dim=1)[3].tolist() == pytest.approx([0.5, 0.25, 0.25])


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"inputs": ["clinicl"]}, "inputs", "did you mean 'clinical'"),
        ({"inputs": []}, "estimator", "no inputs to learn from"),
    ],
)
def test_what_cannot_be_fitted(build, changes, field, words):
    with pytest.raises(SettingsError, match=words) as caught:
        build({**TABLE, **changes})
    assert caught.value.field == field


def test_a_modality_is_named_once(build):
    with pytest.raises(ValidationError, match="'pre' is named twice; name each modality once"):
        build({**TABLE, "inputs": ["pre", "clinical", "pre"]})


def test_an_estimator_that_does_not_exist(build):
    with pytest.raises(ValidationError, match="did you mean 'linear_svm'"):
        build({**TABLE, "estimator": {"use": "linear_smv"}})


def test_concat_answers_with_what_was_fitted_and_learns_through_its_layers(build, make_batch):
    network = build(SVM)
    plain = build(BLOCKS["concat"])
    assert [type(part) for part in network.fc] == [type(part) for part in plain.head]
    batch = make_batch(12, inputs=network.inputs)
    output = network(batch)
    fused = output.features["fused"]
    assert torch.equal(output.aux["fc"], network.fc(fused))
    assert not list(network.head.parameters())
    network.eval()
    with torch.no_grad():
        fused = network(batch).features["fused"]
        network.head.fit(fused, torch.arange(12) % 3, seed=0)
        assert torch.equal(network(batch).logits, network.head(fused))
    assert network(batch).logits.requires_grad, "a later stage may tune the encoders through it"


def test_without_an_estimator_concat_is_as_it_was(build, make_batch):
    network = build(BLOCKS["concat"])
    assert not [name for name in network.state_dict() if name.startswith("fc")]
    assert network(make_batch(inputs=network.inputs)).aux == {}
