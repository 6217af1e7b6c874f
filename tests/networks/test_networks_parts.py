from __future__ import annotations

import pytest
import torch
from torch import nn

from xdistill.errors import SettingsError
from xdistill.interfaces import BranchSpec, Encoding
from xdistill.interfaces.component import Settings
from xdistill.types import ModalitySpec
from xdistill_networks.concat import Concat
from xdistill_networks.mlp_encoder import Perceptron

TABLES = {"rna": ModalitySpec("vector", (3,)), "dna": ModalitySpec("vector", (2,))}
PRESENT = {name: torch.ones(4, dtype=torch.bool) for name in TABLES}


def perceptron(inputs=("rna", "dna"), **settings):
    config = Perceptron.Config(inputs=inputs, **settings)
    return Perceptron(config, inputs={name: TABLES[name] for name in inputs})


def values():
    generator = torch.Generator().manual_seed(0)
    return {name: torch.randn(4, *spec.shape, generator=generator) for name, spec in TABLES.items()}


def test_without_hidden_layers_it_is_a_linear_map():
    encoder = perceptron(hidden=(), features=2)
    weight = torch.tensor([[1.0, 0, 0, 0, 0], [0, 0, 0, 2.0, 0]])
    with torch.no_grad():
        encoder.layers[0].weight.copy_(weight)
        encoder.layers[0].bias.copy_(torch.tensor([0.0, 5.0]))
    given = values()
    encoding = encoder(given, PRESENT)
    torch.testing.assert_close(encoding.vector, torch.stack([given["rna"][:, 0], 2 * given["dna"][:, 0] + 5], dim=1))
    assert encoding.map is None
    assert (encoder.width, encoder.map_channels) == (2, 0)


@pytest.mark.parametrize("activation", ["relu", "gelu", "silu", "selu", "tanh"])
@pytest.mark.parametrize("norm", ["none", "batch", "layer"])
def test_every_layer_learns(activation, norm):
    encoder = perceptron(hidden=(8, 6), features=5, activation=activation, norm=norm, dropout=0.1)
    encoding = encoder(values(), PRESENT)
    encoding.vector.square().sum().backward()
    assert encoding.vector.shape == (4, 5)
    assert all(parameter.grad is not None for parameter in encoder.parameters())


def test_layers_stand_in_the_order_that_the_docs_say():
    encoder = perceptron(hidden=(8,), norm="layer", activation="tanh", dropout=0.5)
    assert [type(part) for part in encoder.layers] == [nn.Linear, nn.LayerNorm, nn.Tanh, nn.Dropout, nn.Linear]


def test_batch_norm_of_one_subject():
    encoder = perceptron(norm="batch")
    one = {name: value[:1] for name, value in values().items()}
    present = {name: value[:1] for name, value in PRESENT.items()}
    with pytest.raises(SettingsError, match="norm: layer"):
        encoder(one, present)
    assert encoder.eval()(one, present).vector.shape == (1, 64)


@pytest.mark.parametrize("inputs", [{}, {"hbp": ModalitySpec("volume", (1, 4, 4, 4))}])
def test_only_vectors(inputs):
    with pytest.raises(SettingsError, match="mlp reads vectors") as caught:
        Perceptron(Perceptron.Config(inputs=tuple(inputs)), inputs=inputs)
    assert caught.value.field == "inputs"


def test_concat_keeps_the_order_of_the_branches():
    fusion = Concat(Settings(), branches={"b": BranchSpec(1), "a": BranchSpec(2)})
    fused = fusion({"a": Encoding(torch.tensor([[1.0, 2.0]])), "b": Encoding(torch.tensor([[3.0]]))})
    assert fusion.width == 3
    assert torch.equal(fused, torch.tensor([[3.0, 1.0, 2.0]]))
