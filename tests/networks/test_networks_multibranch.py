from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file, save_file

from xdistill.types import ModalitySpec, Schema


@pytest.fixture
def teacher(build, blocks, schema):
    return build("teacher", blocks[0](), schema=schema)


@pytest.fixture
def student(build, blocks, schema):
    return build("student", blocks[1](), schema=schema)


def test_inputs_are_those_of_the_branches_in_order(teacher, student):
    assert teacher.inputs == ("hbp", "clinical", "pre")
    assert student.inputs == ("hbp", "pre")


@pytest.mark.parametrize("role", ["teacher", "student"])
def test_logits_and_taps(role, request, make_batch):
    network = request.getfixturevalue(role)
    output = network(make_batch().restricted_to(network.inputs))
    assert output.logits.shape == (4, 3)
    assert {tap: tuple(value.shape) for tap, value in output.features.items()} == {
        "hbp": (4, 12),
        "pre": (4, 12),
        "hbp.map": (4, 16, 1, 2, 1),
        "pre.map": (4, 16, 1, 2, 2),
        "fused": (4, 24),
    }


def test_taps_of_branches_are_taken_before_the_fusion(build, blocks, schema, make_batch):
    plain = build("student", blocks[1](fusion=None), schema=schema).eval()
    batch = make_batch().restricted_to(plain.inputs)
    output = plain(batch)
    assert torch.equal(output.features["fused"], torch.cat([output.features["hbp"], output.features["pre"]], dim=1))
    attentive = build("student", blocks[1](), schema=schema).eval()
    attentive.branches.load_state_dict(plain.branches.state_dict())
    assert torch.equal(attentive(batch).features["hbp"], output.features["hbp"])
    assert not torch.equal(attentive(batch).features["fused"], output.features["fused"])


def test_concat_is_what_happens_without_a_fusion(build, blocks, schema, make_batch):
    silent = build("student", blocks[1](fusion=None), schema=schema).eval()
    named = build("student", blocks[1](fusion={"use": "concat"}), schema=schema).eval()
    batch = make_batch().restricted_to(silent.inputs)
    assert torch.equal(silent(batch).logits, named(batch).logits)


def test_heads_have_the_layers_that_the_recipe_says(teacher, student, build, blocks, schema):
    layers = {
        role: [type(part).__name__ for part in network.head]
        for role, network in {"teacher": teacher, "student": student}.items()
    }
    assert layers == {"teacher": ["Linear", "ReLU", "Linear"], "student": ["Linear"]}
    dropping = build("student", blocks[1](head={"hidden": [5], "dropout": 0.5}), schema=schema)
    assert [type(part).__name__ for part in dropping.head] == ["Dropout", "Linear", "ReLU", "Dropout", "Linear"]


def test_every_parameter_learns(teacher, make_batch):
    output = teacher(make_batch(8).restricted_to(teacher.inputs))
    torch.nn.functional.cross_entropy(output.logits, torch.arange(8) % 3).backward()
    for name, parameter in teacher.named_parameters():
        assert parameter.grad is not None, name
    silent = {name for name, parameter in teacher.named_parameters() if not parameter.grad.any()}
    assert silent == set()


def test_one_branch_alone(build, blocks, schema, make_batch):
    block = blocks[1](fusion=None)
    del block["branches"]["pre"]
    network = build("student", block, schema=schema)
    output = network(make_batch().restricted_to(("hbp",)))
    assert network.inputs == ("hbp",)
    assert torch.equal(output.features["fused"], output.features["hbp"])


def test_weights_follow_from_the_seed(build, blocks, schema):
    first, second, other = (build("teacher", blocks[0](), seed=seed, schema=schema) for seed in (3, 3, 4))
    for one, two in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, two)
    assert not torch.equal(first.head[0].weight, other.head[0].weight)


def test_saved_weights_come_back_bit_by_bit(build, blocks, schema, make_batch, tmp_path):
    teacher = build("teacher", blocks[0](), schema=schema)
    batch = make_batch().restricted_to(teacher.inputs)
    teacher(batch)  # moves the running statistics
    teacher.eval()
    save_file(teacher.state_dict(), tmp_path / "teacher.safetensors")
    restored = build("teacher", blocks[0](), seed=9, schema=schema)
    restored.load_state_dict(load_file(tmp_path / "teacher.safetensors"))
    assert torch.equal(restored.eval()(batch).logits, teacher(batch).logits)


@pytest.mark.parametrize("role", ["teacher", "student"])
def test_subjects_do_not_influence_each_other_in_eval_mode(role, request, make_batch):
    network = request.getfixturevalue(role).eval()
    batch = make_batch().restricted_to(network.inputs)
    with torch.no_grad():
        together = network(batch).logits
        alone = torch.cat([network(only(batch, [place])).logits for place in range(4)])
        permuted = network(only(batch, [3, 1, 0, 2])).logits
    torch.testing.assert_close(alone, together)
    torch.testing.assert_close(permuted, together[[3, 1, 0, 2]])


def only(batch, places):
    return type(batch)(
        inputs={name: value[places] for name, value in batch.inputs.items()},
        present={name: value[places] for name, value in batch.present.items()},
        subjects=tuple(batch.subjects[place] for place in places),
    )


def test_modes_differ_by_batch_statistics(student, make_batch):
    batch = make_batch().restricted_to(student.inputs)
    training = student(batch).logits
    assert torch.equal(student.eval()(batch).logits, student(batch).logits)
    assert not torch.allclose(training, student(batch).logits)


def test_bfloat16_autocast(teacher, make_batch):
    batch = make_batch().restricted_to(teacher.inputs)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = teacher(batch)
    output.logits.float().sum().backward()
    assert output.logits.dtype == torch.bfloat16
    assert all(parameter.grad.isfinite().all() for parameter in teacher.parameters())


def test_channels_last_gives_the_same_logits(teacher, make_batch):
    batch = make_batch().restricted_to(teacher.inputs)
    teacher.eval()
    expected = teacher(batch).logits
    teacher.to(memory_format=torch.channels_last_3d)
    output = teacher(batch)
    assert output.features["hbp.map"].is_contiguous(memory_format=torch.channels_last_3d)
    torch.testing.assert_close(output.logits, expected, rtol=1e-4, atol=1e-5)


def test_subjects_without_clinical_data_pass_unmultiplied(teacher, make_batch):
    batch = make_batch().restricted_to(teacher.inputs)
    batch.present["clinical"][1] = False
    teacher.eval()
    before = teacher(batch).logits
    batch.inputs["clinical"][1] = 7.0
    assert torch.equal(teacher(batch).logits, before)


@pytest.mark.parametrize("changes", [{"chain": False}, {"where": "after_block"}, {"pool": "flatten"}])
def test_switches_of_the_branches_change_the_function(build, blocks, schema, make_batch, changes):
    default = build("teacher", blocks[0](), schema=schema).eval()
    changed = build("teacher", blocks[0](branch=changes), schema=schema).eval()
    batch = make_batch().restricted_to(default.inputs)
    assert changed(batch).logits.shape == (4, 3)
    assert not torch.equal(default(batch).logits, changed(batch).logits)


@pytest.mark.parametrize("settings", [{"tokens": "voxels"}, {"tokens": "voxels", "normalize": "per_source"}])
def test_voxels_of_maps_of_different_size(build, blocks, schema, make_batch, settings):
    network = build("student", blocks[1](fusion={"use": "cross_attention", **settings}), schema=schema)
    output = network(make_batch().restricted_to(network.inputs))
    assert output.features["hbp.map"].shape != output.features["pre.map"].shape
    assert output.features["fused"].shape == (4, 2 * 16)


def test_two_dimensional_images(build, blocks, make_batch):
    schema = Schema({name: ModalitySpec("image", (3, 20, 24)) for name in ("hbp", "pre")}, ("no", "yes"))
    network = build("student", blocks[1](), schema=schema)
    output = network(make_batch(of=schema).restricted_to(network.inputs))
    assert output.logits.shape == (4, 2)
    assert output.features["hbp.map"].dim() == 4


def test_tables_alone(build, make_batch):
    schema = Schema({"rna": ModalitySpec("vector", (9,)), "dna": ModalitySpec("vector", (5,))}, ("no", "yes"))
    block = {
        "use": "multibranch",
        "branches": {name: {"use": "mlp", "inputs": [name], "features": 6} for name in ("rna", "dna")},
        "fusion": {"use": "cross_attention"},
    }
    network = build("teacher", block, schema=schema)
    output = network(make_batch(of=schema))
    assert set(output.features) == {"rna", "dna", "fused"}
    assert output.features["fused"].shape == (4, 12)


def test_the_papers_size(build, blocks):
    schema = Schema(
        {
            "hbp": ModalitySpec("volume", (1, 32, 96, 96)),
            "pre": ModalitySpec("volume", (1, 32, 96, 96)),
            "clinical": ModalitySpec("vector", (52,)),
        },
        ("M0", "M1", "M2"),
    )
    with torch.device("meta"):
        block = blocks[0](branch={"width": 1.0, "features": 512}, head={"hidden": [512]})
        network = build("teacher", block, schema=schema)
    factors = network.branches["hbp"].clinical.layers
    assert [(layer.in_features, layer.out_features) for layer in factors] == [
        (52, 64),
        (64, 128),
        (128, 256),
        (256, 256),
    ]
    convolutions = [part for part in network.branches["hbp"].modules() if isinstance(part, torch.nn.Conv3d)]
    assert [part.out_channels for part in convolutions] == [64, 64, 128, 128, 256, 256, 256, 256, 256]
    assert [part.stride[0] for part in convolutions] == [1, 2, 1, 2, 1, 2, 1, 2, 1]
    assert network.branches["hbp"].trunk.full.out_features == 512
    assert network.head[0].in_features == 1024
