"""Branches in one pass say what they say one by one: values, gradients and running statistics."""

import copy

import pytest
import torch

from xdistill.types import ModalitySpec, Schema
from xdistill_cmdnet import side_by_side
from xdistill_cmdnet.side_by_side import fit_side_by_side, run_side_by_side
from xdistill_cmdnet.trunk import Trunk, TrunkShape


def trunks(shape=(1, 20, 18), *, where=None, pool="average", channels=(2, 3, 4, 4)):
    torch.manual_seed(3)
    made = [Trunk(TrunkShape(shape, channels, features=5), pool=pool, where=where) for _ in range(3)]
    for trunk in made:
        for norm in trunk.norms:
            torch.nn.init.uniform_(norm.weight, 0.5, 2.0)
            torch.nn.init.uniform_(norm.bias, -1.0, 1.0)
    return made


def images(shape, count=3, subjects=4):
    generator = torch.Generator().manual_seed(5)
    return [torch.randn(subjects, *shape, generator=generator) for _ in range(count)]


def factors(channels, count=3, subjects=4):
    return [[torch.rand(subjects, width) + 0.5 for width in channels] for _ in range(count)]


@pytest.mark.parametrize("where", [None, "before_norm", "after_block"])
@pytest.mark.parametrize(("shape", "pool"), [((1, 20, 18), "average"), ((2, 18, 9, 20), "flatten")])
def test_values_gradients_and_statistics_are_those_of_one_by_one(where, shape, pool):
    alone = trunks(shape, where=where, pool=pool)
    together = copy.deepcopy(alone)
    given = images(shape)
    scale = None if where is None else factors((2, 3, 4, 4))
    assert fit_side_by_side(together, given)

    one_by_one = [trunk(image, scale and scale[at]) for at, (trunk, image) in enumerate(zip(alone, given, strict=True))]
    in_one_pass = run_side_by_side(together, given, scale)
    for expected, found in zip(one_by_one, in_one_pass, strict=True):
        torch.testing.assert_close(found.vector, expected.vector, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(found.map, expected.map, rtol=1e-4, atol=1e-5)

    for encodings in (one_by_one, in_one_pass):
        sum((at + 1) * encoding.vector.square().sum() for at, encoding in enumerate(encodings)).backward()
    for expected, found in zip(alone, together, strict=True):
        for (name, theirs), ours in zip(expected.named_parameters(), found.parameters(), strict=True):
            torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-3, atol=1e-3, msg=name)
        for (name, theirs), ours in zip(expected.named_buffers(), found.buffers(), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6, msg=name)


def test_in_eval_mode_the_running_statistics_count_and_stay():
    alone = [trunk.eval() for trunk in trunks()]
    for trunk in alone:
        for norm in trunk.norms:
            torch.nn.init.uniform_(norm.running_mean, -0.5, 0.5)
    before = copy.deepcopy(alone[1].state_dict())
    given = images((1, 20, 18))
    for trunk, image, found in zip(alone, given, run_side_by_side(alone, given, None), strict=True):
        torch.testing.assert_close(found.vector, trunk(image).vector, rtol=1e-4, atol=1e-5)
    assert all(torch.equal(value, before[name]) for name, value in alone[1].state_dict().items())


def test_what_is_not_alike_goes_one_by_one():
    alike, given = trunks(), images((1, 20, 18))
    assert fit_side_by_side(alike, given)
    assert not fit_side_by_side(alike[:1], given[:1])
    assert not fit_side_by_side([*alike[:2], *trunks(channels=(2, 3, 4, 5))[:1]], given)
    assert not fit_side_by_side([*alike[:2], *trunks(where="after_block")[:1]], given)
    assert not fit_side_by_side(trunks(channels=(32, 3, 4, 4)), given)
    assert not fit_side_by_side(alike, [*given[:2], torch.randn(4, 1, 20, 20)])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert not fit_side_by_side(alike, given)
    alike[2].eval()
    assert not fit_side_by_side(alike, given), "half of it frozen"


@pytest.fixture
def student(build):
    schema = Schema(
        {name: ModalitySpec("volume", (1, 17, 9, 9)) for name in ("hbp", "pre")}, classes=("M0", "M1", "M2")
    )
    branches = {name: {"use": "mri_only", "inputs": [name], "width": 0.05, "features": 8} for name in ("hbp", "pre")}
    return build("student", {"use": "multibranch", "branches": branches}, schema=schema), schema


@pytest.fixture
def passes(monkeypatch):
    """How often branches were computed in one pass."""
    counted = []
    monkeypatch.setattr(side_by_side, "run_side_by_side", lambda *given: counted.append(1) or run_side_by_side(*given))
    return counted


def test_a_hook_on_a_layer_is_called(student, make_batch, passes):
    network, schema = student
    batch = make_batch(of=schema)
    plain = network(batch).logits
    assert passes == [1], "the control: without a hook it is one pass"
    called = []
    handle = network.branches["hbp"].trunk.last.register_forward_hook(lambda *_: called.append(1))
    watched = network(batch).logits
    handle.remove()
    assert (passes, called) == ([1], [1])
    torch.testing.assert_close(watched, plain, rtol=1e-4, atol=1e-5)


def test_a_frozen_branch_is_not_said_to_learn(student, make_batch, passes):
    network, schema = student
    network.branches["pre"].requires_grad_(requires_grad=False)
    features = network(make_batch(of=schema)).features
    assert (features["hbp"].requires_grad, features["pre"].requires_grad) == (True, False)
    assert not passes
