from __future__ import annotations

from itertools import product
from math import exp, sqrt

import pytest
import torch

from xdistill.errors import SettingsError
from xdistill.interfaces import BranchSpec, Encoding

BRANCHES = {"hbp": BranchSpec(6, 4), "pre": BranchSpec(6, 4)}


@pytest.fixture
def encodings():
    """Vectors of 6 and maps of 4 channels; the phases' maps differ in space."""
    generator = torch.Generator().manual_seed(1)
    return {
        "hbp": Encoding(torch.randn(3, 6, generator=generator), torch.randn(3, 4, 2, 3, 3, generator=generator)),
        "pre": Encoding(torch.randn(3, 6, generator=generator), torch.randn(3, 4, 1, 2, 2, generator=generator)),
    }


def identity_layers(fusion):
    """Queries, keys and values become the tokens themselves."""
    with torch.no_grad():
        for name in fusion.names:
            unit = torch.eye(fusion.inner)
            fusion.query[name].weight.copy_(unit)
            repeats = fusion.key_value[name].weight.shape[0] // fusion.inner
            fusion.key_value[name].weight.copy_(unit.repeat(repeats, 1))
            fusion.query[name].bias.zero_()
            fusion.key_value[name].bias.zero_()
    return fusion


def pair():
    x, y = torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, -1.0]])
    return {"hbp": Encoding(x), "pre": Encoding(y)}


TWO = {"hbp": BranchSpec(2), "pre": BranchSpec(2)}


def test_equations_2_and_3_by_hand(build):
    fusion = identity_layers(build("fusion", {"use": "cross_attention", "normalize": "none"}, branches=TWO))
    # x.x = 5, x.y = 1, y.y = 10: X' = 5 x + 1 y and Y' = 1 x + 10 y.
    assert torch.equal(fusion(pair()), torch.tensor([[8.0, 9.0, 31.0, -8.0]]))


def test_default_is_two_token_attention(build):
    fusion = identity_layers(build("fusion", "cross_attention", branches=TWO))
    x_on_x = 1 / (1 + exp((1 - 5) / sqrt(2)))
    y_on_x = 1 / (1 + exp((10 - 1) / sqrt(2)))
    x, y = torch.tensor([1.0, 2.0]), torch.tensor([3.0, -1.0])
    expected = torch.cat([x_on_x * x + (1 - x_on_x) * y, y_on_x * x + (1 - y_on_x) * y])
    torch.testing.assert_close(fusion(pair())[0], expected)


def test_the_texts_variant_asks_each_branch_with_its_own_query(build):
    block = {"use": "cross_attention", "normalize": "none", "variant": "text"}
    fusion = identity_layers(build("fusion", block, branches=TWO))
    # X' = (x.x) x + (y.y) y; Y' as in equation 3.
    assert torch.equal(fusion(pair()), torch.tensor([[5.0 + 30, 10.0 - 10, 31.0, -8.0]]))


def test_residual_adds_the_tokens(build):
    block = {"use": "cross_attention", "normalize": "none"}
    plain = identity_layers(build("fusion", block, branches=TWO))(pair())
    residual = identity_layers(build("fusion", {**block, "residual": True}, branches=TWO))(pair())
    assert torch.equal(residual - plain, torch.tensor([[1.0, 2.0, 3.0, -1.0]]))


def test_keys_and_values_of_their_own_for_each_equation(build):
    shared = build("fusion", "cross_attention", branches=TWO)
    own = identity_layers(
        build("fusion", {"use": "cross_attention", "share_kv": False, "normalize": "none"}, branches=TWO)
    )
    assert shared.key_value["hbp"].weight.shape == (2 * 2, 2)
    assert own.key_value["hbp"].weight.shape == (2 * 2 * 2, 2)
    with torch.no_grad():  # the value of hbp that equation 3 uses, and nothing else
        own.key_value["hbp"].weight[6:8] = 0.0
    # X' stays 5 x + 1 y; Y' loses 1 x.
    assert torch.equal(own(pair()), torch.tensor([[8.0, 9.0, 30.0, -10.0]]))


def test_voxels_attend_over_positions_and_are_averaged(build):
    block = {"use": "cross_attention", "tokens": "voxels", "normalize": "none"}
    fusion = identity_layers(build("fusion", block, branches={name: BranchSpec(9, 1) for name in ("hbp", "pre")}))
    maps = {
        "hbp": Encoding(torch.zeros(1, 9), torch.tensor([1.0, 2.0]).reshape(1, 1, 2, 1)),
        "pre": Encoding(torch.zeros(1, 9), torch.tensor([3.0]).reshape(1, 1, 1, 1)),
    }
    # Position p of hbp becomes p (1 + 4) + p 9 = 14 p, on average 21; that of pre 3 (1 + 4) + 3 * 9 = 42.
    assert torch.equal(fusion(maps), torch.tensor([[21.0, 42.0]]))


def test_voxels_by_the_text_average_parts_of_different_size(build):
    block = {"use": "cross_attention", "tokens": "voxels", "normalize": "none", "variant": "text"}
    fusion = identity_layers(build("fusion", block, branches={name: BranchSpec(9, 1) for name in ("hbp", "pre")}))
    maps = {
        "hbp": Encoding(torch.zeros(1, 9), torch.tensor([1.0, 2.0]).reshape(1, 1, 2, 1)),
        "pre": Encoding(torch.zeros(1, 9), torch.tensor([3.0]).reshape(1, 1, 1, 1)),
    }
    # The mean of p (1 + 4) over hbp is 7.5; 3 * 9 of pre comes on top.
    assert torch.equal(fusion(maps), torch.tensor([[34.5, 42.0]]))


def combinations():
    for tokens, normalize, variant, residual, share_kv, heads in product(
        ["vectors", "voxels"],
        ["joint", "per_source", "none"],
        ["equation", "text"],
        [False, True],
        [True, False],
        [1, 2],
    ):
        if (tokens, normalize, variant) != ("voxels", "joint", "text"):
            yield {
                "tokens": tokens,
                "normalize": normalize,
                "variant": variant,
                "residual": residual,
                "share_kv": share_kv,
                "heads": heads,
            }


@pytest.mark.parametrize("switches", list(combinations()), ids=lambda switches: "-".join(map(str, switches.values())))
def test_every_combination_has_shape_gradients_and_independent_subjects(build, encodings, switches):
    fusion = build("fusion", {"use": "cross_attention", **switches}, branches=BRANCHES)
    fused = fusion(encodings)
    assert fused.shape == (3, fusion.width)
    fused.square().sum().backward()
    single_key = switches["tokens"] == "vectors" and switches["normalize"] == "per_source"
    for name, parameter in fusion.named_parameters():
        assert parameter.grad is not None, name
        if not single_key and not name.endswith("bias"):
            assert parameter.grad.abs().sum() > 0, name
    order = [2, 0, 1]
    permuted = {name: Encoding(encoding.vector[order], encoding.map[order]) for name, encoding in encodings.items()}
    torch.testing.assert_close(fusion(permuted), fused[order])


def test_per_source_on_vectors_makes_both_answers_equal(build, encodings):
    fused = build("fusion", {"use": "cross_attention", "normalize": "per_source"}, branches=BRANCHES)(encodings)
    torch.testing.assert_close(fused[:, :6], fused[:, 6:])


def test_softmax_keeps_the_size_that_the_bare_product_inflates(build):
    generator = torch.Generator().manual_seed(0)
    wide = {"hbp": BranchSpec(512), "pre": BranchSpec(512)}
    vectors = {name: Encoding(torch.randn(16, 512, generator=generator)) for name in wide}
    sizes = {
        normalize: identity_layers(build("fusion", {"use": "cross_attention", "normalize": normalize}, branches=wide))(
            vectors
        ).norm()
        for normalize in ("joint", "none")
    }
    assert sizes["none"] > 20 * sizes["joint"]


def test_branches_of_unequal_width(build, encodings):
    uneven = {"hbp": BranchSpec(6), "pre": BranchSpec(5)}
    vectors = {"hbp": encodings["hbp"], "pre": Encoding(encodings["pre"].vector[:, :5])}
    assert build("fusion", "cross_attention", branches=uneven)(vectors).shape == (3, 12)
    narrow = build("fusion", {"use": "cross_attention", "width": 4}, branches=uneven)
    assert narrow(vectors).shape == (3, 8) == (3, narrow.width)


def test_three_branches(build, encodings):
    branches = {**BRANCHES, "art": BranchSpec(6, 4)}
    fusion = build("fusion", {"use": "cross_attention", "share_kv": False}, branches=branches)
    assert fusion({**encodings, "art": encodings["hbp"]}).shape == (3, 18)


@pytest.mark.parametrize(
    ("settings", "branches", "field", "message"),
    [
        ({}, {"hbp": BranchSpec(6)}, "", "joins two or more branches, but there is hbp"),
        ({"variant": "text"}, {**BRANCHES, "art": BranchSpec(6)}, "variant", "there are 3"),
        ({"tokens": "voxels"}, {"hbp": BranchSpec(6, 4), "table": BranchSpec(6)}, "tokens", "'table' has no map"),
        ({"heads": 4}, BRANCHES, "heads", "cannot be split into 4 heads"),
        ({"residual": True}, {"hbp": BranchSpec(6), "pre": BranchSpec(5)}, "residual", "'pre', of length 5"),
        ({"residual": True, "width": 4}, BRANCHES, "residual", "of length 4"),
        ({"variant": "text", "tokens": "voxels"}, BRANCHES, "normalize", "set `normalize: per_source` or `none`"),
    ],
)
def test_what_does_not_go_together_is_refused(build, settings, branches, field, message):
    with pytest.raises(SettingsError, match=message) as caught:
        build("fusion", {"use": "cross_attention", **settings}, branches=branches)
    assert caught.value.field == field
