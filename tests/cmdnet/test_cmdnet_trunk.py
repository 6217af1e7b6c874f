from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from xdistill.errors import SettingsError
from xdistill_cmdnet.clinical import ClinicalFactors
from xdistill_cmdnet.convolution import convolve
from xdistill_cmdnet.trunk import Block, Trunk, TrunkShape, multiply_channels, scaled_channels


def test_equation_1_multiplies_each_channel():
    image = torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]])
    factor = torch.tensor([[10.0, -1.0]])
    assert torch.equal(multiply_channels(image, factor), torch.tensor([[[[10.0, 20.0]], [[-3.0, -4.0]]]]))


def test_multiplication_keeps_the_memory_format():
    image = torch.randn(2, 4, 3, 5, 5).to(memory_format=torch.channels_last_3d)
    assert multiply_channels(image, torch.randn(2, 4)).is_contiguous(memory_format=torch.channels_last_3d)


@pytest.mark.parametrize(
    ("width", "channels"), [(1.0, (64, 128, 256, 256)), (0.125, (8, 16, 32, 32)), (0.001, (1, 1, 1, 1))]
)
def test_width_scales_all_channels(width, channels):
    assert scaled_channels(width) == channels


@pytest.mark.parametrize(
    ("shape", "space"), [((1, 12, 24, 24), (1, 2, 2)), ((1, 32, 96, 96), (2, 6, 6)), ((3, 17, 40), (2, 3))]
)
@pytest.mark.parametrize("pool", ["average", "flatten"])
def test_shapes_of_vector_and_map(shape, space, pool):
    sizes = TrunkShape(shape, (4, 5, 6, 7), features=9)
    trunk = Trunk(sizes, pool=pool, where=None)
    encoding = trunk(torch.randn(2, *shape))
    assert encoding.vector.shape == (2, 9)
    assert encoding.map.shape == (2, 7, *space)
    assert sizes.map_space == space


def test_average_pooling_is_the_mean_over_positions():
    trunk = Trunk(TrunkShape((1, 20, 20), (2, 2, 2, 3), features=4), pool="average", where=None).eval()
    encoding = trunk(torch.randn(2, 1, 20, 20))
    torch.testing.assert_close(encoding.vector, trunk.full(encoding.map.mean(dim=(2, 3))))


def test_flattening_keeps_every_position():
    trunk = Trunk(TrunkShape((1, 20, 20), (2, 2, 2, 3), features=4), pool="flatten", where=None).eval()
    encoding = trunk(torch.randn(2, 1, 20, 20))
    assert trunk.full.in_features == 3 * 2 * 2
    torch.testing.assert_close(encoding.vector, trunk.full(encoding.map.flatten(1)))


def test_a_block_multiplies_before_its_norm():
    block = Block(2, 1, 2, where="before_norm").eval()
    image, factor = torch.randn(3, 1, 6, 6), torch.randn(3, 2)
    first = F.relu(block.first_norm(block.first(image)))
    second = block.second(first) * factor[:, :, None, None]
    torch.testing.assert_close(block(image, factor), F.relu(block.second_norm(second)))


def test_a_block_multiplies_its_result():
    block = Block(2, 1, 2, where="after_block").eval()
    image, factor = torch.randn(3, 1, 6, 6), torch.randn(3, 2)
    expected = block(image, None) * factor[:, :, None, None]
    torch.testing.assert_close(block(image, factor), expected)
    assert (block(image, factor) < 0).any()


def test_only_a_multiplied_convolution_has_a_bias():
    biased = {
        where: Block(3, 1, 2, where=where).second.bias is not None for where in ("before_norm", "after_block", None)
    }
    assert biased == {"before_norm": True, "after_block": False, None: False}


@pytest.mark.parametrize("shape", [(1, 8, 8, 8), (1, 4, 5)])
def test_images_that_vanish_are_refused(shape):
    with pytest.raises(SettingsError, match=r"is a single position before the last of 4 blocks.*at least 9 along"):
        Trunk(TrunkShape(shape, (1, 1, 1, 1), features=2), pool="average", where=None)


def test_thin_volumes_are_fine():
    trunk = Trunk(TrunkShape((1, 1, 9, 2), (1, 1, 1, 1), features=2), pool="average", where=None)
    assert trunk(torch.randn(2, 1, 1, 9, 2)).map.shape == (2, 1, 1, 1, 1)


def test_one_subject_and_one_position_cannot_be_normalised_in_training():
    trunk = Trunk(TrunkShape((1, 9, 9), (1, 1, 1, 1), features=2), pool="average", where=None)
    with pytest.raises(SettingsError, match="drop_last"):
        trunk(torch.randn(1, 1, 9, 9))
    assert trunk.eval()(torch.randn(1, 1, 9, 9)).vector.shape == (1, 2)


def test_clinical_layers_in_a_chain():
    layers = ClinicalFactors(5, (2, 3), chain=True)
    clinical, everybody = torch.randn(4, 5), torch.ones(4, dtype=torch.bool)
    first, second = layers(clinical, everybody)
    torch.testing.assert_close(first, F.selu(layers.layers[0](clinical)))
    torch.testing.assert_close(second, F.selu(layers.layers[1](first)))


def test_clinical_layers_side_by_side():
    layers = ClinicalFactors(5, (2, 3), chain=False)
    clinical, everybody = torch.randn(4, 5), torch.ones(4, dtype=torch.bool)
    first, second = layers(clinical, everybody)
    torch.testing.assert_close(first, F.selu(layers.layers[0](clinical)))
    torch.testing.assert_close(second, F.selu(layers.layers[1](clinical)))


@pytest.mark.parametrize("chain", [True, False])
def test_absent_clinical_data_multiplies_by_one_and_leaves_the_others_alone(chain):
    layers = ClinicalFactors(5, (2, 3), chain=chain)
    clinical = torch.randn(2, 5)
    partly = layers(clinical, torch.tensor([True, False]))
    fully = layers(clinical, torch.tensor([True, True]))
    for some, every in zip(partly, fully, strict=True):
        assert torch.equal(some[0], every[0])
        assert torch.equal(some[1], torch.ones_like(some[1]))


@pytest.mark.parametrize("autocast", [True, False])
def test_half_precision_gradients_of_volumes_two_deep_are_whole(autocast):
    layer = nn.Conv3d(16, 16, 3, padding=1, bias=False)
    image = torch.randn(2, 16, 2, 3, 3)
    (exact,) = torch.autograd.grad(layer(image).sum(), layer.weight)
    if not autocast:
        layer, image = layer.bfloat16(), image.bfloat16()
    for _ in range(3):
        # What is freed here is what an operation that forgets to write its result would return.
        poison = [torch.full((size,), torch.nan) for size in (100, 1000, 5000, 20000) for _ in range(20)]
        del poison
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
            result = convolve(layer, image)
        (grad,) = torch.autograd.grad(result.sum(), layer.weight)
        assert result.dtype == torch.bfloat16
        torch.testing.assert_close(grad.float(), exact, rtol=0.05, atol=0.1)
