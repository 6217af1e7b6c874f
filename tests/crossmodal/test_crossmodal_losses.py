"""Each loss against its formula, computed subject by subject with NumPy and SciPy."""

import math

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax
from scipy.stats import entropy, kendalltau

from xdistill.errors import SettingsError
from xdistill.types import Batch, Output, OutputSpec
from xdistill_crossmodal.losses.c2kd import CustomisedCrossmodal, kendall
from xdistill_crossmodal.losses.margin_aware import MarginAware
from xdistill_crossmodal.losses.ofa import OneForAll
from xdistill_crossmodal.losses.prototypes import Prototypes
from xdistill_crossmodal.losses.semiparametric import Semiparametric

SUBJECTS, CLASSES, WIDTH = 7, 4, 5
TARGET = np.array([0, 2, 1, 0, 2, 2, 1])  # no subject of class 3


def numbers(seed, *shape):
    return np.random.default_rng(seed).normal(0, 2, shape)


S, T = numbers(0, SUBJECTS, CLASSES), numbers(1, SUBJECTS, CLASSES)
FS, FT = numbers(2, SUBJECTS, WIDTH), numbers(3, SUBJECTS, WIDTH + 2)


def outputs():
    return (
        Output(torch.tensor(S, requires_grad=True), {"hidden": torch.tensor(FS, requires_grad=True)}),
        Output(torch.tensor(T, requires_grad=True), {"hidden": torch.tensor(FT, requires_grad=True)}),
    )


def built(component, **settings):
    student, teacher = outputs()
    config = component.Config(**settings)
    torch.manual_seed(1)  # of the proxies
    return component(config, student=OutputSpec.of(student), teacher=OutputSpec.of(teacher)).double()


def batch(target=TARGET):
    return Batch({}, {}, tuple(map(str, range(len(target)))), torch.tensor(target))


def value(component, **settings):
    return built(component, **settings)(*outputs(), batch()).item()


@pytest.mark.parametrize("form", ["paper", "code"])
def test_ofa_raises_the_weight_of_the_true_class(form):
    gamma, temperature = 1.4, 2.0
    total = 0.0
    for s, t, y in zip(S, T, TARGET, strict=True):
        p, log_q = softmax(t / temperature), log_softmax(s / temperature)
        for c in range(CLASSES):
            plain = p[c] if form == "paper" else p[c] ** gamma
            total -= ((1 + p[c]) ** gamma - 1 if c == y else plain) * log_q[c]
    assert value(OneForAll, gamma=gamma, temperature=temperature, form=form) == pytest.approx(total / SUBJECTS)


def test_ofa_with_gamma_one_is_the_cross_entropy_of_soft_labels():
    expected = -np.mean([softmax(t) @ log_softmax(s) for s, t in zip(S, T, strict=True)])
    assert value(OneForAll, gamma=1) == pytest.approx(expected)


def test_semiparametric_moves_probabilities_towards_the_labels():
    total = 0.0
    for s, t, y in zip(S, T, TARGET, strict=True):
        p = softmax(t)
        aim = p + 0.3 * (np.eye(CLASSES)[y] - p)
        total += aim @ (np.log(p) - log_softmax(s))
    assert value(Semiparametric, gamma=0.3) == pytest.approx(total / SUBJECTS)


def test_semiparametric_of_probabilities_has_the_gradient_of_the_moved_target():
    student, teacher = outputs()
    built(Semiparametric, gamma="orthogonal")(student, teacher, batch()).backward()  # 1: the labels alone
    expected = (softmax(S, axis=1) - np.eye(CLASSES)[TARGET]) / SUBJECTS
    np.testing.assert_allclose(student.logits.grad.numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("gamma", [0.0, 0.7, "orthogonal"])
def test_semiparametric_moves_logits(gamma):
    squares = []
    for s, t, y in zip(S, T, TARGET, strict=True):
        p = softmax(t)
        factor = 1 / np.maximum(p, 0.01) if gamma == "orthogonal" else gamma
        squares.append((s - t - factor * (np.eye(CLASSES)[y] - p)) ** 2)
    assert value(Semiparametric, form="logits", gamma=gamma) == pytest.approx(np.mean(squares))


@pytest.mark.parametrize("weights", ["entropy", "uniform"])
def test_margin_aware_weighs_similarities_by_the_teachers_entropy(weights):
    unsure = np.array([entropy(softmax(t)) for t in T])
    weight = unsure / unsure.sum() if weights == "entropy" else np.full(SUBJECTS, 1 / SUBJECTS)
    ours, theirs = (features @ features.T for features in (FS, FT))
    total = 0.0
    for i in range(SUBJECTS):
        for j in range(SUBJECTS):
            difference = ours[i, j] / math.hypot(*ours[i]) - theirs[i, j] / math.hypot(*theirs[i])
            total += weight[j] * difference**2
    assert value(MarginAware, taps=["hidden"], weights=weights) == pytest.approx(total)


def test_margin_aware_of_a_teacher_that_is_sure_of_all_weighs_equally():
    student, teacher = outputs()
    sure = Output(1e4 * torch.eye(CLASSES, dtype=torch.float64)[torch.tensor(TARGET)], teacher.features)
    by_entropy, equal = (built(MarginAware, taps=["hidden"], weights=way) for way in ("entropy", "uniform"))
    assert by_entropy(student, sure, batch()).item() == pytest.approx(equal(student, sure, batch()).item())


def cosine(one, other):
    return one @ other / (np.linalg.norm(one) * np.linalg.norm(other))


def test_prototypes_compare_the_cosine_to_the_mean_of_each_class_that_is_there():
    squares = []
    for k in (0, 1, 2):
        means = [features[k == TARGET].mean(axis=0) for features in (FS, FT)]
        squares += [(cosine(s, means[0]) - cosine(t, means[1])) ** 2 for s, t in zip(FS, FT, strict=True)]
    assert value(Prototypes, taps=["hidden"]) == pytest.approx(np.mean(squares))


def test_prototypes_of_subjects_compare_all_pairs():
    squares = [(cosine(FS[i], FS[j]) - cosine(FT[i], FT[j])) ** 2 for i in range(SUBJECTS) for j in range(SUBJECTS)]
    assert value(Prototypes, taps=["hidden"], reference="subjects") == pytest.approx(np.mean(squares))


def test_rank_correlation_is_scipys_with_ties_too():
    first = np.round(numbers(4, 50, 5))
    second = np.round(numbers(5, 50, 5))
    expected = [kendalltau(one, other).statistic for one, other in zip(first, second, strict=True)]
    assert sum(len(set(row)) < 5 for row in first) > 10  # there are ties
    np.testing.assert_allclose(kendall(torch.tensor(first), torch.tensor(second)), expected, atol=1e-12)
    assert float(kendall(torch.ones(1, 3), torch.tensor([[1.0, 2.0, 3.0]]))) == 0


def divergence(p_logits, q_logits):
    return softmax(p_logits) @ (log_softmax(p_logits) - log_softmax(q_logits))


def without(logits, y):
    return np.delete(logits, y)


@pytest.mark.parametrize(("threshold", "bidirectional"), [(0.0, True), (-0.5, True), (None, True), (0.0, False)])
def test_c2kd_is_its_six_terms(threshold, bidirectional):
    loss = built(CustomisedCrossmodal, taps=["hidden"], threshold=threshold, bidirectional=bidirectional)
    with torch.no_grad():
        s_proxy = loss.student_proxy(torch.tensor(FS)).numpy()
        t_proxy = loss.teacher_proxy(torch.tensor(FT)).numpy()
    total, passed = 0.0, 0
    for s, t, s1, t1, y in zip(S, T, s_proxy, t_proxy, TARGET, strict=True):
        total += divergence(t, t1) + divergence(s, s1) + divergence(s1, s)
        total += divergence(t1, t) if bidirectional else 0
        if threshold is None or kendalltau(t1, s1).statistic > threshold:
            passed += 1
            ours, theirs = without(s1, y), without(t1, y)
            total += divergence(theirs, ours) + (divergence(ours, theirs) if bidirectional else 0)
    assert passed == SUBJECTS if threshold is None else 0 < passed < SUBJECTS
    assert loss(*outputs(), batch()).item() == pytest.approx(total / SUBJECTS)


def test_c2kd_trains_both_networks_and_both_proxies():
    loss = built(CustomisedCrossmodal, taps=["hidden"], threshold=None)
    student, teacher = outputs()
    loss(student, teacher, batch()).backward()
    reached = [student.logits, teacher.logits, student.features["hidden"], teacher.features["hidden"]]
    assert all(bool(tensor.grad.any()) for tensor in [*reached, *loss.parameters()])


def test_c2kd_refuses_two_classes():
    spec = OutputSpec(2, {"hidden": (3,)})
    with pytest.raises(SettingsError, match="two classes"):
        CustomisedCrossmodal(CustomisedCrossmodal.Config(taps=["hidden"]), student=spec, teacher=spec)
