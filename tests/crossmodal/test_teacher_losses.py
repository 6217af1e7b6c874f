"""Losses of several teachers, by hand."""

import math

import pytest
import torch
from torch.nn import functional as F

from xdistill.errors import SettingsError
from xdistill.testing.helpers.samples import sample_batch
from xdistill.types import Output, OutputSpec
from xdistill_crossmodal.teachers.ca_mkd import ConfidenceAware, confidence_distillation, confidence_weights
from xdistill_crossmodal.teachers.mst_distill import MstDistill, distillation_of_chosen, load_balance
from xdistill_crossmodal.teachers.mutual import mutual_divergence

SURE, UNSURE = [math.log(3.0), 0.0], [0.0, 0.0]  # probabilities 3/4, 1/4 and 1/2, 1/2
KL_SURE = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)  # of 3/4, 1/4 from 1/2, 1/2
KL_UNSURE = 0.5 * math.log(2 / 3) + 0.5 * math.log(2.0)


def members(*rows):
    return torch.tensor([[row] for row in rows], dtype=torch.float64)


def test_the_surer_teacher_counts_more():
    # exp(CE) is 4/3 and 2 for class 0, and 4 and 2 for class 1; with two teachers the weights are one minus the share.
    weights = confidence_weights(members(SURE, UNSURE), torch.tensor([0]))
    torch.testing.assert_close(weights, torch.tensor([[0.6], [0.4]], dtype=torch.float64))
    weights = confidence_weights(members(SURE, UNSURE), torch.tensor([1]))
    torch.testing.assert_close(weights, torch.tensor([[1 / 3], [2 / 3]], dtype=torch.float64))


def test_weights_of_three_teachers_sum_to_one():
    weights = confidence_weights(torch.randn(3, 5, 4), torch.tensor([0, 1, 2, 3, 0]))
    torch.testing.assert_close(weights.sum(dim=0), torch.ones(5))


def test_confidence_aware_distillation():
    teachers = members(SURE, UNSURE)
    student = torch.tensor([UNSURE], dtype=torch.float64)
    weights = confidence_weights(teachers, torch.tensor([0]))
    value = confidence_distillation(student, teachers, weights, temperature=1)
    assert float(value) == pytest.approx(0.6 * KL_SURE)
    # T = 2 softens 3/4 to sqrt(3) / (1 + sqrt(3)), and the loss is multiplied by four.
    p = math.sqrt(3) / (1 + math.sqrt(3))
    softened = 4 * (p * math.log(2 * p) + (1 - p) * math.log(2 * (1 - p)))
    value = confidence_distillation(student, teachers, weights, temperature=2)
    assert float(value) == pytest.approx(0.6 * softened)


def test_equal_weights_are_the_ablation():
    spec = OutputSpec(2, {}, ("first", "second"))
    config = ConfidenceAware.Config(weights="equal", temperature=1)
    loss = ConfidenceAware(config, student=OutputSpec(2), teacher=spec)
    teacher = Output(torch.zeros(1, 2), aux={"first": torch.tensor([SURE]), "second": torch.tensor([UNSURE])})
    value = loss(Output(torch.tensor([UNSURE])), teacher, sample_batch(subjects=1))
    assert float(value) == pytest.approx(KL_SURE / 2)


@pytest.mark.parametrize(
    ("settings", "aux", "words"),
    [
        ({}, (), "the teacher has no members; use a teacher such as `several`"),
        ({}, ("one",), "compares at least 2 members"),
        ({"members": ("one", "three")}, ("one", "two"), "the teacher has no member 'three'; its members are: one, two"),
    ],
)
def test_members_that_are_not_there(settings, aux, words):
    with pytest.raises(SettingsError, match=words):
        ConfidenceAware(ConfidenceAware.Config(**settings), student=OutputSpec(2), teacher=OutputSpec(2, {}, aux))


def test_only_chosen_teachers_teach():
    teachers = torch.tensor([[SURE, SURE], [UNSURE, UNSURE]], dtype=torch.float64)
    student = torch.tensor([UNSURE, UNSURE], dtype=torch.float64)
    both = torch.tensor([[0], [1]])  # the first subject by the first teacher, the second by the second
    value = distillation_of_chosen(student, teachers, both, temperature=1)
    assert float(value) == pytest.approx(KL_SURE / 2)
    everyone = torch.tensor([[0, 1], [1, 0]])
    value = distillation_of_chosen(student, teachers, everyone, temperature=1)
    assert float(value) == pytest.approx(KL_SURE / 2)
    assert float(distillation_of_chosen(student, teachers, torch.tensor([[0], [0]]), temperature=1)) == pytest.approx(
        KL_SURE
    )


def test_the_balance_of_the_gate():
    assert float(load_balance(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))) == pytest.approx(
        0.5 * (0.5 * math.log(0.5 / 0.5) * 2)
    )
    uneven = torch.tensor([[0.75, 0.25]], dtype=torch.float64)
    divergence = 0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(0.5 / 0.25)
    assert float(load_balance(uneven)) == pytest.approx(divergence / 2)
    expected = F.kl_div(uneven.mean(dim=0).log(), torch.full((2,), 0.5, dtype=torch.float64), reduction="batchmean")
    assert float(load_balance(uneven)) == pytest.approx(float(expected))  # how the authors' code computes it


def test_the_gate_chooses_at_most_all():
    with pytest.raises(SettingsError, match="should be at most 2"):
        MstDistill(MstDistill.Config(k=3), student=OutputSpec(2), teacher=OutputSpec(2, {}, ("one", "two")))


def test_mutual_learning_of_two_and_of_three():
    two = members(SURE, UNSURE)
    value = mutual_divergence(two, temperature=1, detach=True, average=True)
    assert float(value) == pytest.approx(KL_SURE + KL_UNSURE)
    three = members(SURE, UNSURE, UNSURE)  # each of four pairs of a sure and an unsure one
    assert float(mutual_divergence(three, temperature=1, detach=True, average=False)) == pytest.approx(
        2 * (KL_SURE + KL_UNSURE)
    )
    assert float(mutual_divergence(three, temperature=1, detach=True, average=True)) == pytest.approx(
        KL_SURE + KL_UNSURE
    )


def test_a_member_gets_no_gradient_for_what_it_teaches():
    logits = members(SURE, UNSURE).requires_grad_()
    mutual_divergence(logits, temperature=1, detach=True, average=True).backward()
    # The gradient of KL(p || softmax(z)) by z is softmax(z) - p.
    expected = torch.tensor([[[0.25, -0.25]], [[-0.25, 0.25]]], dtype=torch.float64)
    torch.testing.assert_close(logits.grad, expected)
