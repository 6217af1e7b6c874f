from __future__ import annotations

from math import exp, sqrt

import pytest
import torch

from xdistill_cmdnet.attention import attend, join_heads, split_heads


def tokens(*rows):
    """One subject with these tokens."""
    return torch.tensor([rows], dtype=torch.float64)


QUERY, KEY_X, KEY_Y = tokens((1.0, 2.0)), tokens((1.0, 0.0)), tokens((0.0, 1.0))
VALUE_X, VALUE_Y = tokens((1.0, 2.0)), tokens((3.0, 4.0))


def refined(normalize, heads=1):
    keys, values = [KEY_X, KEY_Y], [VALUE_X, VALUE_Y]
    return attend([QUERY, QUERY], keys, values, normalize=normalize, heads=heads)


def test_bare_product_is_equation_2():
    # Q_x K_x = 1 and Q_x K_y = 2, so V_x * 1 + V_y * 2 = (1 + 6, 2 + 8).
    assert torch.equal(refined("none"), tokens((7.0, 10.0)))


def test_joint_softmax_weighs_both_sources_together():
    x, y = exp(1 / sqrt(2)), exp(2 / sqrt(2))
    share_x, share_y = x / (x + y), y / (x + y)
    expected = tokens((share_x + 3 * share_y, 2 * share_x + 4 * share_y))
    torch.testing.assert_close(refined("joint"), expected)


def test_per_source_softmax_of_one_token_adds_the_values():
    torch.testing.assert_close(refined("per_source"), tokens((4.0, 6.0)))


def test_each_head_attends_by_itself():
    # Head 1 sees the first elements: scores 1 and 0. Head 2 sees the second ones: scores 0 and 2.
    torch.testing.assert_close(refined("none", heads=2), tokens((1.0 * 1 + 0 * 3, 0 * 2 + 2.0 * 4)))
    share = 1 / (1 + exp(-1.0))
    joint = refined("joint", heads=2)
    torch.testing.assert_close(joint[0, 0, 0].item(), share * 1 + (1 - share) * 3)


def test_sources_may_differ_in_their_number_of_tokens():
    keys = [tokens((1.0, 0.0), (0.0, 1.0)), tokens((1.0, 1.0))]
    values = [tokens((1.0, 0.0), (0.0, 1.0)), tokens((2.0, 2.0))]
    # Scores 1, 2 and 3.
    bare = attend([QUERY, QUERY], keys, values, normalize="none", heads=1)
    assert torch.equal(bare, tokens((1.0 + 6.0, 2.0 + 6.0)))
    weights = torch.softmax(torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64) / sqrt(2), dim=0)
    expected = weights[0] * values[0][0, 0] + weights[1] * values[0][0, 1] + weights[2] * values[1][0, 0]
    joint = attend([QUERY, QUERY], keys, values, normalize="joint", heads=1)
    torch.testing.assert_close(joint[0, 0], expected)
    first, second = torch.softmax(torch.tensor([1.0, 2.0], dtype=torch.float64) / sqrt(2), dim=0)
    apart = attend([QUERY, QUERY], keys, values, normalize="per_source", heads=1)
    torch.testing.assert_close(apart[0, 0], torch.stack([first + 2, second + 2]))


def test_splitting_heads_can_be_undone():
    value = torch.arange(2 * 3 * 8.0).reshape(2, 3, 8)
    assert split_heads(value, 4).shape == (2, 4, 3, 2)
    assert torch.equal(join_heads(split_heads(value, 4)), value)


@pytest.mark.parametrize("normalize", ["joint", "per_source", "none"])
def test_gradients_are_those_of_finite_differences(normalize):
    torch.manual_seed(0)
    inputs = [torch.randn(2, count, 4, dtype=torch.float64, requires_grad=True) for count in (3, 2, 1, 2, 1)]

    def function(query, key_x, key_y, value_x, value_y):
        keys, values = [key_x, key_y], [value_x, value_y]
        return attend([query, query], keys, values, normalize=normalize, heads=2)

    assert torch.autograd.gradcheck(function, inputs)
