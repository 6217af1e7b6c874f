from __future__ import annotations

from math import cos, exp, log, sin

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy.special import expit, softmax
from scipy.stats import entropy

from losses.outputs import make_batch
from xdistill.errors import SettingsError
from xdistill.types import Output, OutputSpec
from xdistill_losses.logits.divergence import divergences, reduced


def kl_divergence(student, teacher, *, reduction="mean", **settings):
    return reduced(divergences(student, teacher, **settings), reduction)


SPEC = OutputSpec(outputs=3, features={"hbp": (4,), "pre": (4,), "hbp.map": (2, 3, 3)})


def randoms(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def output(seed=0, subjects=4):
    features = {tap: randoms(subjects, *shape, seed=seed + 7) for tap, shape in SPEC.features.items()}
    return Output(logits=randoms(subjects, 3, seed=seed), features=features)


class TestDivergence:
    def test_equation_4_is_scipys_relative_entropy(self):
        student, teacher = randoms(5, 3, seed=1), randoms(5, 3, seed=2)
        p, q = softmax(teacher.numpy(), axis=1), softmax(student.numpy(), axis=1)
        assert kl_divergence(student, teacher).item() == pytest.approx(entropy(p, q, axis=1).mean())
        assert kl_divergence(student, teacher, reduction="sum").item() == pytest.approx(entropy(p, q, axis=1).sum())
        backwards = kl_divergence(student, teacher, direction="student_teacher")
        assert backwards.item() == pytest.approx(entropy(q, p, axis=1).mean())

    def test_by_hand(self):
        teacher = torch.tensor([[log(3.0), 0.0]], dtype=torch.float64)
        student = torch.zeros(1, 2, dtype=torch.float64)
        expected = 0.75 * log(0.75 / 0.5) + 0.25 * log(0.25 / 0.5)
        assert kl_divergence(student, teacher).item() == pytest.approx(expected)

    def test_temperature_softens_and_its_square_multiplies(self):
        student, teacher = randoms(5, 3, seed=1), randoms(5, 3, seed=2)
        p, q = softmax(teacher.numpy() / 4, axis=1), softmax(student.numpy() / 4, axis=1)
        loss = kl_divergence(student, teacher, temperature=4.0)
        assert loss.item() == pytest.approx(16 * entropy(p, q, axis=1).mean())

    def test_value_of_public_implementations_of_kd(self):
        student = [[2 * sin(1.3 * i + 0.7 * j + 0.1) for j in range(5)] for i in range(8)]
        teacher = [[3 * cos(0.9 * i - 0.4 * j + 0.2) for j in range(5)] for i in range(8)]
        as_tensors = (torch.tensor(rows, dtype=torch.float64) for rows in (student, teacher))
        assert kl_divergence(*as_tensors, temperature=4.0).item() == pytest.approx(0.8862801553519359, rel=1e-6)

    def test_log_softmax_names_the_same_distribution(self):
        pair = randoms(3, 6, seed=1), randoms(3, 6, seed=2)
        assert torch.equal(kl_divergence(*pair, normalize="log_softmax"), kl_divergence(*pair))

    def test_sigmoid_takes_each_element_by_itself(self):
        student, teacher = randoms(3, 6, seed=1), randoms(3, 6, seed=2)
        p, q = expit(teacher.numpy()), expit(student.numpy())
        expected = (p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))).sum(axis=1).mean()
        assert kl_divergence(student, teacher, normalize="sigmoid").item() == pytest.approx(expected)

    def test_standardized_ignores_offset_and_scale(self):
        student, teacher = randoms(3, 6, seed=1), randoms(3, 6, seed=2)
        loss = kl_divergence(student, teacher, normalize="standardized")
        moved = kl_divergence(5 + 3 * student, teacher, normalize="standardized")
        torch.testing.assert_close(loss, moved, rtol=1e-4, atol=1e-6)
        rows = [
            (value.numpy() - value.numpy().mean(1, keepdims=True)) / value.numpy().std(1, keepdims=True)
            for value in (teacher, student)
        ]
        expected = entropy(softmax(rows[0], axis=1), softmax(rows[1], axis=1), axis=1).mean()
        assert loss.item() == pytest.approx(expected, rel=1e-4)

    @pytest.mark.parametrize("normalize", ["softmax", "standardized", "sigmoid"])
    @pytest.mark.parametrize("direction", ["teacher_student", "student_teacher"])
    def test_zero_at_identity_and_gradients(self, normalize, direction):
        student, teacher = randoms(3, 4, seed=1).requires_grad_(), randoms(3, 4, seed=2)
        assert kl_divergence(teacher, teacher, normalize=normalize).item() == pytest.approx(0.0, abs=1e-12)

        def function(value):
            return kl_divergence(value, teacher, temperature=2.0, direction=direction, normalize=normalize)

        assert torch.autograd.gradcheck(function, student)

    def test_extreme_values_stay_finite(self):
        student = torch.tensor([[1e4, -1e4]], requires_grad=True)
        loss = kl_divergence(student, -student.detach())
        (grad,) = torch.autograd.grad(loss, student)
        assert loss.isfinite()
        assert grad.isfinite().all()

    def test_half_precision_is_computed_in_full(self):
        loss = kl_divergence(randoms(3, 4).bfloat16(), randoms(3, 4, seed=2).bfloat16())
        assert loss.dtype == torch.float32


DISTILLATION = [
    {"use": "class_kl"},
    {"use": "feature_kl", "taps": ["hbp", "pre"]},
    {"use": "feature_kl", "taps": ["hbp.map"]},
    {"use": "feature_mse", "taps": ["hbp", "hbp.map"]},
]


@pytest.mark.parametrize("block", DISTILLATION, ids=lambda block: f"{block['use']}-{block.get('taps')}")
def test_student_learns_and_a_detached_teacher_does_not(build, block):
    loss = build(block, student=SPEC, teacher=SPEC)
    student, teacher = output(seed=1), output(seed=2)
    leaves = {role: [made.logits, *made.features.values()] for role, made in (("s", student), ("t", teacher))}
    for values in leaves.values():
        for value in values:
            value.requires_grad_()
    value = loss(student, teacher.detached(), make_batch(4))
    assert value.shape == ()
    value.backward()
    assert any(leaf.grad is not None and leaf.grad.any() for leaf in leaves["s"])
    assert all(leaf.grad is None for leaf in leaves["t"])


@pytest.mark.parametrize("block", DISTILLATION, ids=lambda block: f"{block['use']}-{block.get('taps')}")
def test_teacher_learns_where_it_is_not_detached(build, block):
    loss = build(block, student=SPEC, teacher=SPEC)
    teacher = output(seed=2)
    for value in (teacher.logits, *teacher.features.values()):
        value.requires_grad_()
    loss(output(seed=1), teacher, make_batch(4)).backward()
    assert any(value.grad is not None for value in (teacher.logits, *teacher.features.values()))


def test_class_kl_passes_its_settings_on(build):
    block = {"use": "class_kl", "temperature": 3.0, "direction": "student_teacher", "reduction": "sum"}
    loss = build(block, student=SPEC, teacher=SPEC)
    student, teacher = output(seed=1), output(seed=2)
    expected = kl_divergence(
        student.logits, teacher.logits, temperature=3.0, direction="student_teacher", reduction="sum"
    )
    assert torch.equal(loss(student, teacher, make_batch(4)), expected)


def test_equation_5_weighs_the_taps(build):
    student, teacher = output(seed=1), output(seed=2)
    parts = {
        tap: entropy(*(softmax(made.features[tap].numpy(), axis=1) for made in (teacher, student)), axis=1).mean()
        for tap in ("hbp", "pre")
    }
    for weights, beta in (({}, 1.0), ({"pre": 0.25}, 0.25), ({"pre": 0.0}, 0.0)):
        block = {"use": "feature_kl", "taps": ["hbp", "pre"], "tap_weights": weights}
        loss = build(block, student=SPEC, teacher=SPEC)
        assert loss(student, teacher, make_batch(4)).item() == pytest.approx(parts["hbp"] + beta * parts["pre"])


def test_feature_kl_of_a_map_is_over_all_its_elements(build):
    student, teacher = output(seed=1), output(seed=2)
    loss = build({"use": "feature_kl", "taps": ["hbp.map"]}, student=SPEC, teacher=SPEC)
    rows = [softmax(made.features["hbp.map"].numpy().reshape(4, -1), axis=1) for made in (teacher, student)]
    assert loss(student, teacher, make_batch(4)).item() == pytest.approx(entropy(*rows, axis=1).mean())


def test_feature_mse(build):
    student, teacher = output(seed=1), output(seed=2)
    block = {"use": "feature_mse", "taps": ["hbp", "pre"], "tap_weights": {"pre": 3}}
    loss = build(block, student=SPEC, teacher=SPEC)
    hbp, pre = (((student.features[tap] - teacher.features[tap]) ** 2).mean() for tap in ("hbp", "pre"))
    torch.testing.assert_close(loss(student, teacher, make_batch(4)), hbp + 3 * pre)


WIDER = OutputSpec(outputs=3, features={**SPEC.features, "pre": (5,)})


@pytest.mark.parametrize(
    ("settings", "teacher", "field", "message"),
    [
        ({"taps": ["hpb"]}, SPEC, "taps", r"student has no tap `hpb`; did you mean `hbp`\? Valid taps: `hbp`, `pre`"),
        ({"taps": ["pre"]}, OutputSpec(3, {"hbp": (4,)}), "taps", "the teacher has no tap `pre`; valid taps: `hbp`"),
        ({"taps": ["pre"]}, OutputSpec(3), "taps", "the teacher has no tap `pre`; it has no taps"),
        ({"taps": ["pre"]}, WIDER, "taps", "shape 4 in the student and 5 in the teacher"),
        ({"taps": ["pre"], "tap_weights": {"hbp": 1}}, SPEC, "tap_weights", "weight for 'hbp', which is not among"),
    ],
)
def test_taps_that_cannot_be_distilled(build, settings, teacher, field, message):
    for use in ("feature_kl", "feature_mse"):
        with pytest.raises(SettingsError, match=message) as caught:
            build({"use": use, **settings}, student=SPEC, teacher=teacher)
        assert caught.value.field == field


@pytest.mark.parametrize(
    "block",
    [
        {"use": "class_kl", "temperature": 0},
        {"use": "class_kl", "direction": "both"},
        {"use": "feature_kl"},
        {"use": "feature_kl", "taps": []},
        {"use": "feature_kl", "taps": ["hbp"], "normalize": "raw"},
        {"use": "feature_kl", "taps": ["hbp"], "tap_weights": {"hbp": -1}},
    ],
)
def test_settings_out_of_range(build, block):
    with pytest.raises(ValidationError):
        build(block, student=SPEC, teacher=SPEC)


def test_a_tables_softmax_by_hand(build):
    spec = OutputSpec(outputs=2, features={"rna": (2,)})
    loss = build({"use": "feature_kl", "taps": ["rna"]}, student=spec, teacher=spec)
    student = Output(torch.zeros(1, 2), {"rna": torch.tensor([[0.0, 0.0]])})
    teacher = Output(torch.zeros(1, 2), {"rna": torch.tensor([[1.0, 0.0]])})
    p = 1 / (1 + exp(-1.0))
    assert loss(student, teacher, make_batch(4)).item() == pytest.approx(p * log(2 * p) + (1 - p) * log(2 * (1 - p)))
