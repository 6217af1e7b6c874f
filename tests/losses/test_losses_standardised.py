"""Logit standardisation against the formula of Sun et al., CVPR 2024, computed with NumPy."""

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax

from xdistill_losses.logits.soft_labels import soft_labels, standardised

RANDOM = np.random.default_rng(0)
STUDENT, TEACHER = RANDOM.normal(0, 3, (6, 5)), RANDOM.normal(2, 7, (6, 5))
BASE_TEMPERATURE = 2.0


def z_scores(logits, ddof):
    return (logits - logits.mean(axis=1, keepdims=True)) / (1e-7 + logits.std(axis=1, ddof=ddof, keepdims=True))


def divergence(student, teacher, temperature):
    ours, theirs = log_softmax(student / temperature, axis=1), log_softmax(teacher / temperature, axis=1)
    return temperature**2 * np.mean(np.sum(softmax(teacher / temperature, axis=1) * (theirs - ours), axis=1))


def test_it_is_the_divergence_of_z_scores_by_the_unbiased_deviation_times_the_squared_temperature():
    expected = divergence(z_scores(STUDENT, 1), z_scores(TEACHER, 1), BASE_TEMPERATURE)
    value = soft_labels(torch.tensor(STUDENT), torch.tensor(TEACHER), temperature=BASE_TEMPERATURE, standardise=True)
    assert float(value) == pytest.approx(expected)


def test_with_the_deviation_of_the_population_only_temperature_and_weight_change():
    """Of C classes it is sqrt((C - 1) / C) times the unbiased one: a lower temperature, and its square as a weight."""
    factor = np.sqrt(4 / 5)
    population = divergence(z_scores(STUDENT, 0), z_scores(TEACHER, 0), BASE_TEMPERATURE)
    value = soft_labels(
        torch.tensor(STUDENT), torch.tensor(TEACHER), temperature=BASE_TEMPERATURE * factor, standardise=True
    )
    assert float(value) / factor**2 == pytest.approx(population)


def test_scale_and_offset_of_either_network_do_not_matter():
    scores = standardised(torch.tensor(STUDENT))
    torch.testing.assert_close(standardised(5 * torch.tensor(STUDENT) - 3), scores, atol=1e-6, rtol=0)
    assert float(scores.mean(dim=1).abs().max()) < 1e-12
    torch.testing.assert_close(scores.std(dim=1), torch.ones(6, dtype=torch.float64), atol=1e-6, rtol=0)
