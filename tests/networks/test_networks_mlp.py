import pytest
import torch
from torch import nn

from xdistill.errors import SettingsError
from xdistill.types import Batch, ModalitySpec, Schema
from xdistill_networks.mlp import PerceptronNetwork

SCHEMA = Schema(
    {
        "rna": ModalitySpec("vector", (3,)),
        "dna": ModalitySpec("vector", (2,)),
        "mri": ModalitySpec("volume", (1, 2, 2, 2)),
    },
    ("no", "yes"),
)


def network(inputs=("rna", "dna"), **settings):
    return PerceptronNetwork(PerceptronNetwork.Config(inputs=inputs, **settings), schema=SCHEMA)


def batch(size=4):
    generator = torch.Generator().manual_seed(0)
    return Batch(
        inputs={
            name: torch.randn(size, *SCHEMA.modalities[name].shape, generator=generator) for name in ("rna", "dna")
        },
        present={name: torch.ones(size, dtype=torch.bool) for name in ("rna", "dna")},
        subjects=tuple(f"s{row}" for row in range(size)),
    )


def test_without_hidden_layers_it_is_a_linear_classifier():
    linear = network(("dna", "rna"), hidden=())
    with torch.no_grad():
        linear.head.weight.copy_(torch.tensor([[1.0, 0, 0, 0, 0], [0, 0, 2.0, 0, 0]]))
        linear.head.bias.copy_(torch.tensor([0.0, 5.0]))
    given = batch()
    output = linear(given)
    expected = torch.stack([given.inputs["dna"][:, 0], 2 * given.inputs["rna"][:, 0] + 5], dim=1)
    torch.testing.assert_close(output.logits, expected)
    assert output.features == {}
    assert sum(parameter.numel() for parameter in linear.parameters()) == 2 * 5 + 2


def test_hidden_layers_are_a_tap():
    deep = network(hidden=(8, 6), norm="layer", activation="tanh", dropout=0.5)
    assert [type(part) for part in deep.layers[:4]] == [nn.Linear, nn.LayerNorm, nn.Tanh, nn.Dropout]
    output = deep.eval()(batch())
    assert output.features["hidden"].shape == (4, 6)
    torch.testing.assert_close(deep.head(output.features["hidden"]), output.logits)


def test_every_layer_learns():
    deep = network(hidden=(8,), norm="batch")
    deep(batch()).logits.square().sum().backward()
    assert all(parameter.grad is not None for parameter in deep.parameters())


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (("rma",), r"no modality 'rma'; did you mean 'rna'\?"),
        (("mri",), "mlp reads vectors, and 'mri' is of kind volume"),
    ],
)
def test_inputs_that_it_cannot_read(inputs, message):
    with pytest.raises(SettingsError, match=message) as caught:
        network(inputs)
    assert caught.value.field == "inputs"


def test_batch_norm_of_one_subject():
    with pytest.raises(SettingsError, match="norm: layer"):
        network(norm="batch")(batch(1))
    assert network(norm="batch").eval()(batch(1)).logits.shape == (1, 2)
