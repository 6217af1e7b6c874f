"""Similarity-preserving distillation by hand-made values."""

from __future__ import annotations

import math

import pytest
import torch

from xdistill.types import Batch, Output
from xdistill_losses.relations.similarity_preserving import similarities, similarity_preserving

BATCH = Batch(inputs={}, present={}, subjects=())


def output(**features):
    return Output(logits=torch.zeros(2, 3), features=features)


def test_the_matrix_by_hand():
    # Subjects (3, 4) and (0, 5): F F^T is 25, 20; 20, 25, and both rows have the length sqrt(1025).
    found = similarities(torch.tensor([[3.0, 4.0], [0.0, 5.0]]))
    root = math.sqrt(1025)
    torch.testing.assert_close(found, torch.tensor([[25 / root, 20 / root], [20 / root, 25 / root]]))


def test_rows_are_divided_by_their_own_length():
    found = similarities(torch.tensor([[1.0, 0.0], [2.0, 2.0]]))  # F F^T is 1, 2; 2, 8
    torch.testing.assert_close(found, torch.tensor([[1 / 5**0.5, 2 / 5**0.5], [2 / 68**0.5, 8 / 68**0.5]]))
    by_sum = similarities(torch.tensor([[1.0, 0.0], [2.0, 2.0]]), rows="l1")
    torch.testing.assert_close(by_sum, torch.tensor([[1 / 3, 2 / 3], [0.2, 0.8]]))


def test_the_loss_by_hand():
    teacher = torch.eye(2)  # similar to nobody but itself: the matrix is the identity
    student = torch.ones(2, 5)  # both alike: every element is 1 / sqrt(2)
    gap = 2 * (1 - 1 / math.sqrt(2)) ** 2 + 2 * 0.5
    assert float(similarity_preserving(student, teacher)) == pytest.approx(gap / 4)


@pytest.mark.parametrize(("rows", "expected"), [("l2", 0.06305202070277374), ("l1", 0.022441254139381483)])
def test_reference_values(rows, expected):
    """Computed elsewhere, in double precision, from the same formula."""
    subject, place = torch.arange(8.0, dtype=torch.float64)[:, None], torch.arange(12.0, dtype=torch.float64)
    student = torch.sin(0.37 * subject * place + 0.5 * subject + 0.11 * place)
    teacher = torch.cos(0.29 * subject * place - 0.3 * subject + 0.23 * place)
    assert float(similarity_preserving(student, teacher, rows=rows)) == pytest.approx(expected, rel=1e-6)


def test_taps_are_concatenated_and_may_differ_in_length(build_for):
    generator = torch.Generator().manual_seed(0)
    parts = {name: torch.randn(6, 5, generator=generator) for name in ("hbp", "pre")}
    wide = {"hbp": torch.randn(6, 3, 2, generator=generator), "pre": torch.randn(6, 9, generator=generator)}
    loss = build_for(
        {"use": "sp", "taps": ["hbp", "pre"]},
        student={"hbp": (5,), "pre": (5,)},
        teacher={"hbp": (3, 2), "pre": (9,)},
    )
    ours = torch.cat([parts["hbp"], parts["pre"]], dim=1)
    theirs = torch.cat([wide["hbp"].flatten(1), wide["pre"]], dim=1)
    assert torch.equal(loss(output(**parts), output(**wide), BATCH), similarity_preserving(ours, theirs))


def test_it_does_not_depend_on_the_order_of_the_subjects_or_the_scale_of_all():
    generator = torch.Generator().manual_seed(0)
    student, teacher = torch.randn(2, 6, 5, generator=generator, dtype=torch.float64)
    value = similarity_preserving(student, teacher)
    order = torch.tensor([4, 0, 5, 1, 3, 2])
    torch.testing.assert_close(similarity_preserving(student[order], teacher[order]), value)
    torch.testing.assert_close(similarity_preserving(7 * student, teacher), value)
    assert float(similarity_preserving(student, student)) == 0


def test_one_subject_alone_is_like_itself():
    assert float(similarity_preserving(torch.tensor([[1.0, 2.0]]), torch.tensor([[5.0]]))) == 0


def test_gradients():
    generator = torch.Generator().manual_seed(0)
    student = torch.randn(4, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    teacher = torch.randn(4, 5, generator=generator, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda value: similarity_preserving(value, teacher), [student])
    silent = torch.zeros(4, 3, requires_grad=True)
    similarity_preserving(silent, teacher.float()).backward()
    assert silent.grad.isfinite().all()


def test_half_precision_is_computed_in_full():
    generator = torch.Generator().manual_seed(0)
    student, teacher = torch.randn(2, 6, 5, generator=generator)
    exact = similarity_preserving(student, teacher)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(similarity_preserving(student, teacher), exact)
    large = similarity_preserving(200 * student.half(), teacher.half())  # squares beyond what half precision holds
    torch.testing.assert_close(large, exact, rtol=1e-2, atol=1e-3)
