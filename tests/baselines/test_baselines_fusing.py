"""Concat, 3DCNN and LSTM: what each does with two phases, and what they refuse."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError

from baselines.blocks import BLOCKS, branches, encoder
from xdistill.errors import SettingsError
from xdistill.types import ModalitySpec


def test_concat_puts_the_vectors_side_by_side_before_its_head(build, make_batch):
    network = build(BLOCKS["concat"]).eval()
    output = network(make_batch(inputs=network.inputs))
    side_by_side = torch.cat([output.features["hbp"], output.features["pre"]], dim=1)
    assert torch.equal(output.features["fused"], side_by_side)
    first, _, second = network.head
    assert (first.in_features, first.out_features, second.out_features) == (24, 10, 3)
    assert torch.equal(output.logits, second(first(side_by_side).relu()))


def test_the_default_head_is_that_of_the_baseline(build):
    network = build({"use": "concat", "branches": branches(features=512)})
    assert [part.in_features for part in network.head if hasattr(part, "in_features")] == [1024, 256]


def test_phases_become_channels_in_the_given_order(build, make_batch):
    network = build(BLOCKS["cnn3d"]).eval()
    assert network.inputs == ("pre", "hbp")
    assert network.encoder.modalities == {"stack": ModalitySpec("volume", (2, 9, 17, 12))}
    batch = make_batch(inputs=network.inputs)
    seen = []
    network.encoder.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0]["stack"]))
    network(batch)
    assert torch.equal(seen[0][:, 0], batch.inputs["pre"][:, 0])
    assert torch.equal(seen[0][:, 1], batch.inputs["hbp"][:, 0])


def test_one_phase_alone_instead_of_the_stack(build, make_batch):
    network = build({**BLOCKS["cnn3d"], "input": "hbp"})
    assert network.inputs == ("hbp",)
    assert network.encoder.modalities["stack"].shape == (1, 9, 17, 12)
    assert network(make_batch(inputs=("hbp",))).logits.shape == (4, 3)


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"phases": ["pre", "hpb"]}, "phases", "did you mean 'hbp'"),
        ({"phases": ["pre", "pre"]}, "phases", "twice"),
        ({"phases": ["pre", "late"]}, "phases", r"'pre' is a volume of 9x17x12 and 'late' a volume of 9x17x9"),
        ({"phases": ["pre", "clinical"]}, "phases", "'clinical' a vector"),
        ({"input": "art"}, "input", "neither `stack` nor one of the phases"),
        ({"encoder": encoder("stack", inputs=["pre", "hbp"])}, "encoder.inputs", "one name"),
    ],
)
def test_what_cannot_be_stacked(build, schema, changes, field, words):
    schema = schema.with_modality("late", ModalitySpec("volume", (1, 9, 17, 9)))
    with pytest.raises(SettingsError, match=words) as caught:
        build({**BLOCKS["cnn3d"], **changes}, of=schema)
    assert caught.value.field == field


def test_faults_of_the_encoder_are_named_at_its_place(build, schema):
    tiny = schema.with_modality("pre", ModalitySpec("volume", (1, 2, 2, 2)))
    with pytest.raises(SettingsError, match="single position") as caught:
        build({**BLOCKS["cnn3d"], "input": "pre"}, of=tiny)
    assert caught.value.field == "encoder.inputs"


def test_the_lstm_reads_the_phases_in_the_order_of_the_sequence(build, make_batch):
    """The last state, computed step by step from the gates' equations."""
    network = build(BLOCKS["lstm"]).eval()
    output = network(make_batch(inputs=network.inputs))
    weights = dict(network.lstm.named_parameters())
    state = cell = torch.zeros(4, 7)
    for phase in ("pre", "hbp"):
        gates = (
            output.features[phase] @ weights["weight_ih_l0"].T
            + weights["bias_ih_l0"]
            + state @ weights["weight_hh_l0"].T
            + weights["bias_hh_l0"]
        )
        enter, forget, content, leave = gates.chunk(4, dim=1)
        cell = forget.sigmoid() * cell + enter.sigmoid() * content.tanh()
        state = leave.sigmoid() * cell.tanh()
    torch.testing.assert_close(output.features["fused"], state)
    torch.testing.assert_close(output.logits, network.head[1](state))


def test_another_order_is_another_function(build, make_batch):
    forth = build(BLOCKS["lstm"]).eval()
    back = build({**BLOCKS["lstm"], "sequence": ["hbp", "pre"]}).eval()
    back.load_state_dict(forth.state_dict())
    batch = make_batch(inputs=forth.inputs)
    assert not torch.allclose(forth(batch).logits, back(batch).logits)


def test_half_of_the_last_state_is_dropped_in_training_only(build):
    network = build({key: value for key, value in BLOCKS["lstm"].items() if key != "hidden"})
    assert network.lstm.hidden_size == 256
    dropout = network.head[0]
    assert dropout.p == 0.5
    ones = torch.ones(1, 20_000)
    assert (dropout(ones) == 0).float().mean().item() == pytest.approx(0.5, abs=0.02)
    assert torch.equal(dropout.eval()(ones), ones)


def test_a_shared_encoder_is_there_once_and_reads_every_phase(build, make_batch):
    network = build(BLOCKS["lstm, shared"]).eval()
    assert {name.split(".")[1] for name in network.state_dict() if name.startswith("branches")} == {"shared"}
    batch = make_batch(inputs=network.inputs)
    batch.inputs["hbp"].copy_(batch.inputs["pre"])
    features = network(batch).features
    assert torch.equal(features["hbp"], features["pre"])
    apart = build(BLOCKS["lstm"]).eval()(batch).features
    assert not torch.equal(apart["hbp"], apart["pre"])


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"sequence": ["pre"]}, "sequence", "every branch once"),
        ({"sequence": ["pre", "hbp", "pre"]}, "sequence", "every branch once"),
        ({"sequence": ["pre", "art"]}, "sequence", "every branch once: hbp, pre"),
        ({"branches": {"hbp": encoder("hbp"), "pre": encoder("pre", features=9)}}, "branches.pre", "12 values"),
        (
            {"branches": {"hbp": encoder("hbp"), "pre": encoder("pre", pool="flatten")}, "share_encoder": True},
            "share_encoder",
            "cannot share",
        ),
        ({"branches": {"hbp": encoder("hbp"), "pre": encoder("pr")}}, "branches.pre.inputs", "did you mean 'pre'"),
        ({"branches": {"hbp": encoder("hbp"), "pre": encoder("clinical")}}, "branches.pre.inputs", "mri_only reads"),
    ],
)
def test_what_is_no_sequence(build, changes, field, words):
    with pytest.raises(SettingsError, match=words) as caught:
        build({**BLOCKS["lstm"], **changes})
    assert caught.value.field == field


def test_phases_of_different_size_cannot_share_an_encoder(build, schema):
    other = schema.with_modality("hbp", ModalitySpec("volume", (1, 9, 17, 17)))
    with pytest.raises(SettingsError, match="shapes of their inputs"):
        build(BLOCKS["lstm, shared"], of=other)


@pytest.mark.parametrize("name", ["fused", "shared", "logits", "keys", "a b", "a.b"])
def test_names_that_no_branch_can_have(build, name):
    with pytest.raises(ValidationError, match="cannot be named"):
        build({"use": "concat", "branches": {name: encoder("hbp")}})


def test_absent_phases_are_seen_as_zeros(build, make_batch):
    network = build(BLOCKS["cnn3d"]).eval()
    batch = make_batch(inputs=network.inputs)
    batch.present["hbp"][2] = False
    batch.inputs["hbp"][2] = 0
    assert network(batch).logits.isfinite().all()
