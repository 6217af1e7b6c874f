"""Values worked out by hand, or by other libraries from the formulas."""

from __future__ import annotations

from math import exp, log, sqrt

import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist, squareform
from scipy.special import log_softmax, softmax
from scipy.stats import entropy, pearsonr

from losses.outputs import of_feature, of_logits, randoms
from xdistill.types import Output


def features(rows):
    return of_feature(torch.tensor(rows, dtype=torch.float64))


class TestLogits:
    def test_kd_sums_over_classes_and_means_over_subjects(self, value_of):
        student, teacher = randoms(4, 3, seed=1), randoms(4, 3, seed=2)
        rows = entropy(softmax(teacher.numpy() / 3, axis=1), softmax(student.numpy() / 3, axis=1), axis=1)
        for reduction, expected in (("mean", 9 * rows.mean()), ("sum", 9 * rows.sum())):
            block = {"use": "kd", "temperature": 3, "reduction": reduction}
            assert value_of(block, Output(student), Output(teacher)) == pytest.approx(expected)

    def test_wsld(self, value_of):
        student, teacher, target = randoms(4, 3, seed=1), randoms(4, 3, seed=2), [0, 2, 1, 1]
        ours, theirs = (-log_softmax(z.numpy(), axis=1)[range(4), target] for z in (student, teacher))
        rows = 4 * entropy(softmax(teacher.numpy() / 2, axis=1), softmax(student.numpy() / 2, axis=1), axis=1)
        expected = ((1 - np.exp(-ours / theirs)) * rows).mean()
        value = value_of({"use": "wsld"}, Output(student), Output(teacher), target=target)
        assert value == pytest.approx(expected, rel=1e-6)

    def test_generalized(self, value_of):
        # The teacher says (3/4, 1/4) at T = 2, the student (1/2, 1/2): both cross entropies are log 2.
        student, teacher = of_logits([[0.0, 0.0]]), of_logits([[2 * log(3.0), 0.0]])
        block = {"use": "generalized", "imitation": 0.3, "temperature": 2}
        assert value_of(block, student, teacher, target=[1]) == pytest.approx(log(2))
        # Now the student says (1/5, 4/5): 0.7 of the true class's part, 0.3 of the teacher's.
        student = of_logits([[0.0, log(4.0)]])
        expected = 0.7 * -log(0.8) + 0.3 * (-0.75 * log(0.2) - 0.25 * log(0.8))
        assert value_of(block, student, teacher, target=[1]) == pytest.approx(expected)

    def test_dkd_with_the_right_weight_is_kd(self, value_of):
        # KL = KL of the true class + (1 - p_y) KL of the others, subject by subject.
        student, teacher = randoms(1, 5, seed=1), randoms(1, 5, seed=2)
        others = 1 - softmax(teacher.numpy() / 4, axis=1)[0, 2]
        block = {"use": "dkd", "alpha": 1, "beta": others}
        whole = value_of({"use": "kd"}, Output(student), Output(teacher))
        assert value_of(block, Output(student), Output(teacher), target=[2]) == pytest.approx(whole)

    def test_dist(self, value_of):
        student, teacher = randoms(6, 4, seed=1), randoms(6, 4, seed=2)
        p, q = (softmax(z.numpy() / 2, axis=1) for z in (student, teacher))
        classes = 1 - np.mean([pearsonr(*pair).statistic for pair in zip(p, q, strict=True)])
        subjects = 1 - np.mean([pearsonr(*pair).statistic for pair in zip(p.T, q.T, strict=True)])
        block = {"use": "dist", "beta": 2, "gamma": 3, "tau": 2}
        expected = 4 * (2 * classes + 3 * subjects)
        assert value_of(block, Output(student), Output(teacher)) == pytest.approx(expected)


class TestMaps:
    def test_hint(self, value_of):
        assert value_of({"use": "hint", "taps": ["tap"]}, features([[1.0, 2.0]]), features([[3.0, 2.0]])) == 2

    def test_vid(self, value_of):
        # Variance 2 everywhere; squared errors 4 and 0.
        block = {"use": "vid", "taps": ["tap"], "depth": 0, "initial_variance": 2}
        value = value_of(block, features([[1.0, 2.0]]), features([[3.0, 2.0]]))
        assert value == pytest.approx(0.5 * (4 / 2 / 2 + log(2)), rel=1e-6)

    def test_at_of_two_channels(self, value_of):
        # Mean squares over channels: (1/2, 1/2) and (8, 6), of unit length (1, 1)/sqrt 2 and (0.8, 0.6).
        student, teacher = features([[[1.0, 0.0], [0.0, 1.0]]]), features([[[4.0, 0.0], [0.0, sqrt(12)]]])
        gap = (1 / sqrt(2) - 0.8) ** 2 + (1 / sqrt(2) - 0.6) ** 2
        assert value_of({"use": "at", "taps": ["tap"]}, student, teacher) == pytest.approx(gap / 2)
        assert value_of({"use": "at", "taps": ["tap"], "form": "paper"}, student, teacher) == pytest.approx(sqrt(gap))

    def test_cwd_of_a_vector_is_the_divergence_of_its_softmax(self, value_of):
        student, teacher = randoms(4, 6, seed=1), randoms(4, 6, seed=2)
        rows = entropy(softmax(teacher.numpy() / 4, axis=1), softmax(student.numpy() / 4, axis=1), axis=1)
        value = value_of({"use": "cwd", "taps": ["tap"]}, of_feature(student), of_feature(teacher))
        assert value == pytest.approx(16 * rows.mean())

    def test_nst_of_single_channels_is_twice_a_squared_sine(self, value_of):
        # k(a, a) = 1 and k(a, b) = cos^2, so the loss is 2 - 2 cos^2; here the cosine is 0.8.
        student, teacher = features([[1.0, 0.0]]), features([[4.0, 3.0]])
        assert value_of({"use": "nst", "taps": ["tap"]}, student, teacher) == pytest.approx(2 * 0.36)

    def test_pkd_is_one_minus_the_correlation_of_each_channel(self, value_of):
        student, teacher = randoms(5, 3, 4, 2, seed=1), randoms(5, 3, 4, 2, seed=2)
        correlations = [pearsonr(student[:, c].flatten(), teacher[:, c].flatten()).statistic for c in range(3)]
        value = value_of({"use": "pkd", "taps": ["tap"]}, of_feature(student), of_feature(5 + 3 * teacher))
        # The mean is over 40 values, the deviation over 39.
        assert value == pytest.approx((1 - np.mean(correlations)) * 39 / 40, rel=1e-4)

    def test_ab(self, value_of):
        # Teacher fires, does not, fires; the student lacks 0.5 of the margin, 3 of it, and nothing.
        student, teacher = features([[0.5, 2.0, 1.5]]), features([[0.1, -5.0, 9.0]])
        assert value_of({"use": "ab", "taps": ["tap"]}, student, teacher) == pytest.approx(0.003 * (0.25 + 9))

    def test_ofd(self, value_of):
        # One channel; negative values -1 and -3, so the margin is -2: targets 4, -1, -2 and 1.
        teacher = features([[[4.0, -1.0, -3.0, 1.0]]])
        # Too small; below a negative target (free); above a negative target; right.
        student = features([[[3.0, -7.0, -1.5, 1.0]]])
        assert value_of({"use": "ofd", "taps": ["tap"]}, student, teacher) == pytest.approx((1 + 0 + 0.25 + 0) / 4)

    def test_fsp(self, value_of):
        # Two layers of one channel each over two positions: 1/2 (1*3 + 2*4) = 5.5 and 1/2 (2*3 + 2*4) = 7.
        def layers(first):
            second = torch.tensor([[[3.0, 4.0]]], dtype=torch.float64)
            return Output(torch.zeros(1, 3), {"a": torch.tensor([[first]], dtype=torch.float64), "b": second})

        value = value_of({"use": "fsp", "taps": ["a", "b"]}, layers([1.0, 2.0]), layers([2.0, 2.0]))
        assert value == pytest.approx(1.5**2)

    def test_hierarchical_context(self, value_of):
        # One of eight positions differs by 8: mean square 8; averaged to 4 of them 4^2 / 4, to 2 2^2 / 2, to 1 1.
        student, teacher = torch.zeros(1, 1, 8).double(), torch.zeros(1, 1, 8).double()
        student[0, 0, 3] = 8
        block = {"use": "review", "taps": ["tap"], "fusion": False}
        expected = (8 + 4 / 2 + 2 / 4 + 1 / 8) / (1 + 1 / 2 + 1 / 4 + 1 / 8)
        assert value_of(block, of_feature(student), of_feature(teacher)) == pytest.approx(expected)
        # A map of two positions is only averaged to one: (8^2 / 2) and (4^2).
        expected = (32 + 16 / 2) / (1 + 1 / 2)
        assert value_of(block, of_feature(student[..., 2:4]), of_feature(teacher[..., 2:4])) == pytest.approx(expected)


class TestRelations:
    def test_rkd_distances(self, value_of):
        student, teacher = randoms(6, 5, seed=1), randoms(6, 9, seed=2)
        ours, theirs = (squareform(pdist(value.numpy())) for value in (student, teacher))
        gap = np.abs(ours / ours[ours > 0].mean() - theirs / theirs[theirs > 0].mean())
        expected = np.where(gap < 1, gap**2 / 2, gap - 0.5).mean()
        block = {"use": "rkd", "taps": ["tap"], "angle": 0}
        assert value_of(block, of_feature(student), of_feature(teacher)) == pytest.approx(expected)

    def test_rkd_angle_of_three_subjects(self, value_of):
        # A right angle with two of 45 degrees, and an equilateral triangle; each angle occurs twice among 27 triplets,
        # and the six cosines of a direction with itself are one in both.
        student = features([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
        teacher = features([[0.0, 0.0], [1.0, 0.0], [0.5, sqrt(3) / 2]])
        gaps = [0.5 - 0.0, *[1 / sqrt(2) - 0.5] * 2]
        expected = 2 * sum(gap**2 / 2 for gap in gaps) / 27
        block = {"use": "rkd", "taps": ["tap"], "distance": 0, "angle": 1}
        assert value_of(block, student, teacher) == pytest.approx(expected)

    def test_rkd_weighs_its_parts(self, value_of):
        student, teacher = of_feature(randoms(5, 4, seed=1)), of_feature(randoms(5, 4, seed=2))
        parts = [
            value_of({"use": "rkd", "taps": ["tap"], "distance": distance, "angle": angle}, student, teacher)
            for distance, angle in ((1, 0), (0, 1), (3, 5))
        ]
        assert parts[2] == pytest.approx(3 * parts[0] + 5 * parts[1])

    def test_cc(self, value_of):
        student, teacher = features([[1.0, 0.0], [3.0, 4.0]]), features([[0.0, 2.0], [3.0, 4.0]])
        # Bilinear: 1, 3; 3, 25 against 4, 8; 8, 25.
        block = {"use": "cc", "taps": ["tap"], "kernel": "bilinear"}
        assert value_of(block, student, teacher) == pytest.approx((9 + 25 + 25) / 4)

        # Radial: cosines 0.6 and 0.8, the exponential of 2 gamma cosine to second order.
        def radial(cosine):
            return exp(-0.8) * (1 + 0.8 * cosine + (0.8 * cosine) ** 2 / 2)

        block = {"use": "cc", "taps": ["tap"], "kernel": "rbf"}
        assert value_of(block, student, teacher) == pytest.approx((radial(0.6) - radial(0.8)) ** 2 / 2)
        # Linear: differences (1, 2) and (0, 0), whose product is zero.
        assert value_of({"use": "cc", "taps": ["tap"]}, student, teacher) == 0

    def test_a_long_expansion_is_the_exponential(self, value_of):
        student, teacher = randoms(4, 5, seed=1), randoms(4, 5, seed=2)
        units = [(value / value.norm(dim=1, keepdim=True)).numpy() for value in (student, teacher)]
        ours, theirs = (np.exp(-0.4 * squareform(pdist(value)) ** 2) for value in units)
        block = {"use": "cc", "taps": ["tap"], "kernel": "rbf", "order": 16}
        value = value_of(block, of_feature(student), of_feature(teacher))
        assert value == pytest.approx(((ours - theirs) ** 2).mean(), rel=1e-9)

    def test_pkt(self, value_of):
        # Likeness 1 and 1/2 in the student, 1 and 1 in the teacher: rows (2/3, 1/3) and (1/2, 1/2).
        student, teacher = features([[1.0, 0.0], [0.0, 1.0]]), features([[1.0], [2.0]])
        expected = 2 * (0.5 * log(0.5 / (2 / 3)) + 0.5 * log(0.5 / (1 / 3))) / 4
        assert value_of({"use": "pkt", "taps": ["tap"]}, student, teacher) == pytest.approx(expected, rel=1e-5)

    def test_cka(self, value_of):
        student, teacher = randoms(7, 3, seed=1), randoms(7, 12, seed=2)
        x, y = (value.numpy() - value.numpy().mean(axis=0) for value in (student, teacher))
        alignment = np.linalg.norm(y.T @ x) ** 2 / (np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y))
        block = {"use": "cka", "taps": ["tap"]}
        assert value_of(block, of_feature(student), of_feature(teacher)) == pytest.approx(1 - alignment)
        rotation, _ = np.linalg.qr(randoms(3, 3, seed=3).numpy())
        turned = 5 * student @ torch.from_numpy(rotation) + 2
        assert value_of(block, of_feature(turned), of_feature(student)) == pytest.approx(0, abs=1e-12)

    def test_cka_of_relations_does_not_see_lengths(self, value_of):
        student, lengths = randoms(7, 4, seed=1), randoms(7, 1, seed=2).abs() + 0.1
        longer = of_feature(lengths * student)
        blocks = {of: {"use": "cka", "taps": ["tap"], "of": of} for of in ("features", "relations")}
        assert value_of(blocks["relations"], of_feature(student), longer) == pytest.approx(0, abs=1e-12)
        assert value_of(blocks["features"], of_feature(student), longer) > 0.01


class TestContrast:
    @pytest.fixture
    def value(self):
        from xdistill_losses.relations.contrast import contrast

        return contrast

    def test_by_hand(self, value):
        # Cosines at temperature 1: own 1 and 0, others 0 and 1 (student's row, teacher's column).
        student, teacher = torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.eye(2)
        negative = ~torch.eye(2, dtype=torch.bool)

        def score(cosine, noise):
            return exp(cosine) / (exp(cosine) + noise)

        for noise in (1.0, 0.25):
            rows = [(score(1, noise), score(0, noise)), (score(0, noise), score(1, noise))]
            expected = -sum(log(own) + log(1 - other) for own, other in rows) / 2
            found = value(student, teacher, negative, temperature=1.0, noise=noise)
            assert found.item() == pytest.approx(expected, rel=1e-6)

    def test_negatives_of_other_classes(self):
        from xdistill_losses.relations.contrast import of_other_classes

        expected = torch.tensor([[False, True, False], [True, False, True], [False, True, False]])
        assert torch.equal(of_other_classes(torch.tensor([4, 2, 4])), expected)
