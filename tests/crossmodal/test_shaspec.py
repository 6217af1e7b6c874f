"""ShaSpec: what is filled where a modality is missing, and its losses by hand."""

import math

import pytest
import torch

from xdistill.errors import SettingsError
from xdistill.interfaces import Student
from xdistill.interfaces.component import choose
from xdistill.plugin import load_catalog
from xdistill.testing.helpers.samples import sample_batch
from xdistill.types import Batch, ModalitySpec, OutputSpec, Schema
from xdistill_crossmodal.shared_specific.losses import SpecificDomain, alignment, domain_cost

SCHEMA = Schema({name: ModalitySpec("vector", (3,)) for name in "abc"}, classes=("x", "y"))


def stem(name, features=4):
    return {"use": "mlp", "inputs": [name], "hidden": [], "features": features}


def built(branches, **settings):
    block = {"use": "shaspec", "branches": branches, "features": 2, **settings}
    return choose(Student, block, load_catalog()).build(schema=SCHEMA)


@pytest.fixture
def batch():
    whole = sample_batch(SCHEMA, subjects=3)
    present = {"a": [True, True, False], "b": [True, False, False], "c": [True, True, False]}
    return Batch(whole.inputs, {name: torch.tensor(value) for name, value in present.items()}, whole.subjects)


def test_a_missing_modality_is_the_mean_of_the_shared_features(batch):
    network = built({name: stem(name) for name in "abc"})
    features = network(batch).features
    shared = {name: network.shared(network.stems[name]({name: batch.inputs[name]}, {}).vector) for name in "abc"}
    mean = (shared["a"][1] + shared["c"][1]) / 2
    torch.testing.assert_close(features["shared.b"][1], mean)
    torch.testing.assert_close(features["fused"][1, 2:4], mean)  # in the place of b, without a residual
    torch.testing.assert_close(features["fused"][2], torch.zeros(6))  # a subject with nothing
    specific = network.specific["b"](network.stems["b"]({"b": batch.inputs["b"]}, {}).vector)
    fused = network.fuse(torch.cat([shared["b"], specific], dim=1)) + shared["b"]
    torch.testing.assert_close(features["fused"][0, 2:4], fused[0])


def test_an_absent_branch_has_a_place_like_that_of_a_missing_modality(batch):
    teacher = built({"a": stem("a"), "b": stem("b")})
    student = built({"a": stem("a")}, absent=["b"])
    student.load_state_dict(teacher.state_dict(), strict=False)
    torch.testing.assert_close(student(batch).logits[1], teacher(batch).logits[1])  # the second subject has no b
    assert "shared.b" not in student(batch).features


def test_branches_of_different_lengths_are_refused():
    with pytest.raises(SettingsError, match="the branches have a 4, b 5; give all the same `features`"):
        built({"a": stem("a"), "b": stem("b", features=5)})


def test_a_branch_cannot_be_absent():
    with pytest.raises(ValueError, match="`absent` names other branches"):
        built({"a": stem("a")}, absent=["a"])


def test_alignment_of_three_modalities():
    # |1 - 3| and |2 - 2|: 1; |1 - 0| and |2 - 0|: 1.5; |3 - 0| and |2 - 0|: 2.5.
    features = [torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 2.0]]), torch.zeros(1, 2)]
    assert float(alignment(features)) == pytest.approx(5.0)


def test_domains_of_two_modalities():
    sure = torch.tensor([[math.log(3.0), 0.0]])  # 3/4 for the first, which is right for the first alone
    assert float(domain_cost([sure, sure])) == pytest.approx(-(math.log(0.75) + math.log(0.25)) / 2)


def test_domains_need_an_output_each():
    spec = OutputSpec(2, {"one": (2,), "two": (2,), "three": (2,)})
    config = SpecificDomain.Config(taps=("one", "two", "three"))
    with pytest.raises(SettingsError, match="3 modalities and 2 outputs"):
        SpecificDomain(config, output=spec, training=None)
