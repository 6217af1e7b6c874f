"""What all baseline networks have in common."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from baselines.blocks import BLOCKS
from xdistill.experiment.networks import output_spec
from xdistill.types import Batch

TAPS = {
    "concat": {"hbp": (12,), "pre": (12,), "fused": (24,)},
    "cnn3d": {"fused": (12,)},
    "lstm": {"hbp": (12,), "pre": (12,), "fused": (7,)},
    "lstm, shared": {"hbp": (12,), "pre": (12,), "fused": (7,)},
    "m2net": {"hbp": (32,), "pre": (32,), "fused": (16,)},
    "concat_2s": {"hbp": (12,), "pre": (12,), "fused": (24,)},
    "concat_2s, three phases": {
        **dict.fromkeys(("hbp", "pre", "art"), (12,)),
        **dict.fromkeys(("hbp_and_pre", "hbp_and_art", "pre_and_art"), (6,)),
        "fused": (18,),
    },
}
AUX = {
    "m2net": ("hbp", "pre", "shared"),
    "concat_2s": ("hbp", "pre"),
    "concat_2s, three phases": ("hbp", "pre", "art", "hbp_and_pre", "hbp_and_art", "pre_and_art"),
}

pytestmark = pytest.mark.parametrize("kind", list(BLOCKS))


@pytest.fixture
def network(build, kind):
    return build(BLOCKS[kind])


@pytest.fixture
def settled(network, make_batch):
    """The network in eval mode, with running statistics of a batch: those it starts with let signals fade."""
    for part in network.modules():
        if isinstance(part, (torch.nn.BatchNorm2d, torch.nn.BatchNorm3d)):
            part.momentum = None
    network(make_batch(8, seed=5, inputs=network.inputs))
    return network.eval()


def only(batch: Batch, places: list[int]) -> Batch:
    return replace(
        batch,
        inputs={name: value[places] for name, value in batch.inputs.items()},
        present={name: value[places] for name, value in batch.present.items()},
        subjects=tuple(batch.subjects[place] for place in places),
    )


def total(output):
    return output.logits.square().sum() + sum(logits.square().sum() for logits in output.aux.values())


def test_shapes(network, kind, make_batch, schema):
    output = network(make_batch(inputs=network.inputs))
    assert output.logits.shape == (4, 3)
    assert {tap: tuple(value.shape[1:]) for tap, value in output.features.items()} == TAPS[kind]
    assert tuple(output.aux) == AUX.get(kind, ())
    assert all(logits.shape == (4, 3) for logits in output.aux.values())
    spec = output_spec(network, schema, device="cpu")
    assert spec.features == TAPS[kind]
    assert spec.aux == AUX.get(kind, ())


def test_it_never_asks_for_clinical_data(network):
    assert "clinical" not in network.inputs


def test_every_parameter_learns(network, make_batch):
    total(network(make_batch(6, inputs=network.inputs))).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


def test_subjects_do_not_influence_each_other_in_eval_mode(settled, make_batch):
    batch = make_batch(inputs=settled.inputs)
    with torch.no_grad():
        together = settled(batch).logits
        alone = torch.cat([settled(only(batch, [place])).logits for place in range(4)])
        permuted = settled(only(batch, [3, 1, 0, 2])).logits
    assert (together.std(dim=0) > 1e-3).any()
    torch.testing.assert_close(alone, together, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(permuted, together[[3, 1, 0, 2]], rtol=1e-4, atol=1e-4)


def test_each_phase_counts(settled, make_batch):
    batch = make_batch(inputs=settled.inputs)
    with torch.no_grad():
        before = settled(batch).logits
        for phase in settled.inputs:
            silenced = {**batch.inputs, phase: torch.zeros_like(batch.inputs[phase])}
            assert not torch.allclose(settled(replace(batch, inputs=silenced)).logits, before, atol=1e-6), phase


def test_weights_follow_from_the_seed(build, kind):
    one, same, other = (build(BLOCKS[kind], seed=seed).state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


def test_saved_weights_come_back_bit_by_bit(network, build, kind, make_batch, tmp_path):
    batch = make_batch(inputs=network.inputs)
    network(batch)  # moves the running statistics
    save_file(network.state_dict(), tmp_path / "student.safetensors")
    restored = build(BLOCKS[kind], seed=9)
    restored.load_state_dict(load_file(tmp_path / "student.safetensors"))
    with torch.no_grad():
        assert torch.equal(restored.eval()(batch).logits, network.eval()(batch).logits)


def test_it_can_be_sketched_without_memory_for_its_weights(kind, build, schema):
    with torch.device("meta"):
        network = build(BLOCKS[kind])
        assert output_spec(network, schema, device="meta").features == TAPS[kind]


def test_half_precision(network, make_batch):
    batch = make_batch(inputs=network.inputs)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = network(batch)
        total(output).backward()
    assert output.logits.isfinite().all()
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())
