"""M2Net: projections, compact bilinear pooling against its definition, heads."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from pydantic import ValidationError
from torch.nn import functional as F

from baselines.blocks import BLOCKS
from xdistill.errors import SettingsError
from xdistill.tasks import Ordinal
from xdistill.types import Schema
from xdistill_baselines.bilinear import CompactBilinearPooling, circular_convolution, count_sketch, signed_sqrt
from xdistill_baselines.m2net import project
from xdistill_baselines.resnet import ResNet


def drawn(*widths, length=11):
    torch.manual_seed(1)
    pooling = CompactBilinearPooling(widths, length=length).double()
    buckets = [pooling.get_buffer(f"bucket_{index}") for index in range(len(widths))]
    signs = [pooling.get_buffer(f"sign_{index}") for index in range(len(widths))]
    vectors = [torch.randn(3, width, dtype=torch.float64) for width in widths]
    return pooling, buckets, signs, vectors


def by_definition(buckets, signs, vectors, *, length):
    """Every product of elements, one of each vector, added to its bucket with its sign."""
    pooled = torch.zeros(vectors[0].shape[0], length, dtype=torch.float64)
    for places in product(*(range(vector.shape[1]) for vector in vectors)):
        bucket = sum(int(part[place]) for part, place in zip(buckets, places, strict=True)) % length
        term = torch.ones(vectors[0].shape[0], dtype=torch.float64)
        for part, vector, place in zip(signs, vectors, places, strict=True):
            term = term * part[place] * vector[:, place]
        pooled[:, bucket] += term
    return pooled


def test_a_count_sketch_by_hand():
    values = torch.tensor([[1.0, 2.0, 5.0], [0.0, -1.0, 3.0]])
    sketch = count_sketch(values, torch.tensor([1, 3, 1]), torch.tensor([1.0, 1.0, -1.0]), length=4)
    assert sketch.tolist() == [[0, -4, 0, 2], [0, -3, 0, -1]]


def test_a_circular_convolution_by_hand():
    # (1 + 2z + 3z^2) (4 + 5z + 6z^2) with z^3 = 1
    product_ = circular_convolution([torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([[4.0, 5.0, 6.0]])])
    torch.testing.assert_close(product_, torch.tensor([[31.0, 31.0, 28.0]]))


@pytest.mark.parametrize("widths", [(4, 6), (5, 5), (3, 4, 2)])
@pytest.mark.parametrize("length", [11, 12])
def test_compact_bilinear_pooling_is_its_definition(widths, length):
    pooling, buckets, signs, vectors = drawn(*widths, length=length)
    exact = by_definition(buckets, signs, vectors, length=length)
    sketches = [pooling.sketch(index, vector) for index, vector in enumerate(vectors)]
    torch.testing.assert_close(circular_convolution(sketches), exact)
    rooted = exact.sign() * exact.abs().sqrt()
    torch.testing.assert_close(pooling(vectors), rooted / rooted.norm(dim=1, keepdim=True), rtol=1e-3, atol=1e-3)


def test_pooled_products_keep_the_kernel_of_the_outer_products():
    """The sketches' inner product is the squared inner product of the vectors, on average over the hashes."""
    torch.manual_seed(0)
    x, y = torch.randn(2, 1, 6, dtype=torch.float64)
    found = []
    for seed in range(400):
        torch.manual_seed(seed)
        pooling = CompactBilinearPooling((6, 6), length=64).double()
        one, other = (circular_convolution([pooling.sketch(index, vector) for index in range(2)]) for vector in (x, y))
        found.append(float((one * other).sum()))
    expected = float((x * y).sum()) ** 2
    spread = torch.tensor(found).std() / len(found) ** 0.5
    assert abs(sum(found) / len(found) - expected) < 4 * spread


def test_the_signed_square_root():
    values = torch.tensor([[4.0, -9.0, 0.0, 1e-12]], requires_grad=True)
    rooted = signed_sqrt(values)
    assert rooted[0, :3].tolist() == pytest.approx([2, -3, 0], abs=1.1e-3)
    rooted.sum().backward()
    assert values.grad.isfinite().all()
    assert values.grad.max() == pytest.approx(500, rel=1e-3)  # at zero: 1 / (2 sqrt(1e-6))
    exact = signed_sqrt(values.detach(), smoothness=1e-30)
    assert exact[0, :3].tolist() == pytest.approx([2, -3, 0])


def test_gradients_of_the_pooling():
    pooling, _, _, vectors = drawn(3, 4)
    vectors = [vector.requires_grad_() for vector in vectors]
    assert torch.autograd.gradcheck(lambda *parts: pooling(parts), vectors)


def test_pooled_vectors_have_length_one_or_none():
    pooling, _, _, vectors = drawn(4, 6)
    vectors[0][2] = 0.0
    pooled = pooling(vectors)
    torch.testing.assert_close(pooled.norm(dim=1), torch.tensor([1.0, 1.0, 0.0], dtype=torch.float64))


def test_volumes_are_summed_along_each_axis():
    volume = torch.arange(2 * 2 * 2, dtype=torch.float32).reshape(1, 1, 2, 2, 2)
    image = project(volume, size=2)
    assert image.shape == (1, 3, 2, 2)
    assert image[0, 0].tolist() == [[4, 6], [8, 10]]  # along depth: rows are height, columns width
    assert image[0, 1].tolist() == [[2, 4], [10, 12]]  # along height: depth, width
    assert image[0, 2].tolist() == [[1, 5], [9, 13]]  # along width: depth, height


def test_projections_of_any_volume_are_squares():
    assert project(torch.ones(2, 1, 5, 9, 7), size=12).shape == (2, 3, 12, 12)
    constant = project(torch.ones(1, 1, 5, 9, 7), size=12)
    torch.testing.assert_close(constant, torch.tensor([5.0, 9.0, 7.0]).reshape(1, 3, 1, 1).expand(1, 3, 12, 12))


def test_the_network_is_a_resnet_18():
    network = ResNet(3, width=1.0)
    # torchvision's resnet18 has 11,689,512 parameters, of which its classifier of 1000 classes has 513,000.
    assert sum(parameter.numel() for parameter in network.parameters()) == 11_689_512 - 513_000
    assert network.features == 512
    assert network(torch.zeros(2, 3, 40, 40)).shape == (2, 512)


def test_the_final_head_reads_the_probabilities_of_all_heads(build, make_batch):
    network = build(BLOCKS["m2net"]).eval()
    output = network(make_batch(inputs=network.inputs))
    features = output.features
    assert torch.equal(output.aux["hbp"], network.heads["hbp"](features["hbp"]))
    pooled = network.pooling([features["hbp"], features["pre"]])
    assert torch.equal(output.aux["shared"], network.shared_head(pooled))
    probabilities = torch.cat([F.softmax(output.aux[name], dim=1) for name in ("hbp", "pre", "shared")], dim=1)
    assert probabilities.shape == (4, 9)
    assert torch.equal(output.logits, network.final_head(probabilities))


def test_before_training_the_final_head_adds_up_the_heads(build, make_batch):
    network = build(BLOCKS["m2net"])
    output = network(make_batch(inputs=network.inputs))
    together = sum(F.softmax(logits, dim=1) for logits in output.aux.values())
    torch.testing.assert_close(output.logits, together)


def test_the_images_are_as_large_as_the_longest_axis_unless_told_otherwise(build):
    block = {key: value for key, value in BLOCKS["m2net"].items() if key != "image_size"}
    assert build(block).size == 17
    assert build(BLOCKS["m2net"]).size == 40


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"pretrained": True}, "pretrained weights are not available"),
        ({"modalities": ["hbp"]}, "at least 2"),
        ({"modalities": ["hbp", "hbp"]}, "twice"),
        ({"modalities": ["hbp", "shared"]}, "cannot be named 'shared'"),
    ],
)
def test_settings_that_are_refused(build, changes, words):
    with pytest.raises(ValidationError, match=words):
        build({**BLOCKS["m2net"], **changes})


def test_vectors_have_no_projections(build):
    with pytest.raises(SettingsError, match="'clinical' is a vector"):
        build({**BLOCKS["m2net"], "modalities": ["hbp", "clinical"]})


def test_one_subject_alone_has_no_batch_statistics(build, make_batch):
    network = build({**BLOCKS["m2net"], "image_size": 32})
    with pytest.raises(SettingsError, match="one subject"):
        network(make_batch(1, inputs=network.inputs))
    assert network.eval()(make_batch(1, inputs=network.inputs)).logits.shape == (1, 3)
    larger = build({**BLOCKS["m2net"], "image_size": 33})
    assert larger(make_batch(1, inputs=larger.inputs)).logits.shape == (1, 3)


def test_it_is_for_classes_alone(build, schema):
    grades = Schema(schema.modalities, task=Ordinal(("low", "middle", "high")))
    with pytest.raises(SettingsError, match="m2net sums class probabilities of several heads, and the task is ordinal"):
        build(BLOCKS["m2net"], of=grades)
