"""Weights by the teacher's certainty, against SciPy's entropy."""

import numpy as np
import pytest
import torch
from scipy.special import softmax
from scipy.stats import entropy

from xdistill_losses.logits.divergence import divergences
from xdistill_losses.logits.soft_labels import certainty, soft_labels

RANDOM = np.random.default_rng(0)
STUDENT, TEACHER = (torch.tensor(RANDOM.normal(0, 2, (6, 3))) for _ in range(2))


def test_weights_are_one_minus_the_entropy_with_a_mean_of_one():
    known = 1 - entropy(softmax(TEACHER.numpy(), axis=1), axis=1) / np.log(3)
    np.testing.assert_allclose(certainty(TEACHER), known / known.mean())


def test_the_loss_is_the_weighted_mean():
    expected = (certainty(TEACHER) * divergences(STUDENT, TEACHER, temperature=2.0)).mean()
    value = soft_labels(STUDENT, TEACHER, temperature=2.0, confidence=True)
    assert float(value) == pytest.approx(float(expected))


def test_a_teacher_that_knows_nothing_weighs_all_alike():
    assert certainty(torch.zeros(4, 3)).tolist() == [1.0] * 4


def test_a_subject_of_which_it_knows_nothing_has_no_weight():
    assert certainty(torch.tensor([[0.0, 0.0], [50.0, -50.0]])).tolist() == pytest.approx([0.0, 2.0])
