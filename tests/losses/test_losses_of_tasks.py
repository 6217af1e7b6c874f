"""Losses of regression, ordinal, multi-label and survival: values worked out by hand, and by other libraries."""

from __future__ import annotations

from math import exp, log, sqrt

import numpy as np
import pytest
import torch
from scipy.special import expit

from losses.outputs import randoms
from xdistill import losses
from xdistill.errors import SettingsError
from xdistill.interfaces import TrainingFacts
from xdistill.tasks import Classification, Ordinal, Survival
from xdistill.tasks.hazards import log_risks
from xdistill.types import OutputSpec, Schema
from xdistill_losses.chains import chain_log_probabilities
from xdistill_losses.ordinal.links import log_grades
from xdistill_losses.survival.discrete import bin_targets


def tensor(rows):
    return torch.tensor(rows, dtype=torch.float64)


def value(name, *given, **settings):
    return float(getattr(losses, name)(**settings)(*given))


class TestRegression:
    def test_errors(self):
        values, target = tensor([[0.0, 1.0], [2.0, 1.0]]), tensor([[0.5, 1.0], [-1.0, 1.0]])
        assert value("mse", values, target) == pytest.approx((0.25 + 9) / 4)
        assert value("l1", values, target) == pytest.approx((0.5 + 3) / 4)
        assert value("huber", values, target, delta=2.0) == pytest.approx((0.5 * 0.25 + 2 * (3 - 1)) / 4)

    def test_a_single_target_may_be_flat(self):
        assert value("mse", tensor([[1.0], [2.0]]), tensor([0.0, 0.0])) == pytest.approx(5 / 2)

    def test_teacher_bounded(self):
        # Squared errors: the student's 1, 4 and 0.25; the teacher's 4, 1 and 0.36. The second alone is worse.
        student, teacher, target = tensor([[1.0], [2.0], [0.5]]), tensor([[2.0], [1.0], [0.6]]), tensor([[0.0]] * 3)
        assert value("teacher_bounded", student, teacher, target) == pytest.approx(4 / 3)
        assert value("teacher_bounded", student, teacher, target, margin=0.2) == pytest.approx((4 + 0.25) / 3)

    def test_distributions_do_not_see_who_is_who(self):
        student, teacher = tensor([[1.0, 0.0], [3.0, 1.0]]), tensor([[4.0, 1.0], [1.0, 0.0]])
        assert value("distribution_matching", student, teacher) == pytest.approx((0 + 1 + 0 + 0) / 4)
        assert value("prediction_mse", student, teacher) == pytest.approx((9 + 1 + 4 + 1) / 4)


class TestOrdinal:
    def test_corn(self):
        # Of three grades: the first threshold sees both subjects, the second only the one above grade 0.
        logits = tensor([[log(3.0), 0.0], [0.0, log(1 / 3)]])
        expected = -(log(1 / 4) + log(1 / 2) + log(1 / 4)) / 3
        assert value("corn", logits, torch.tensor([0, 2])) == pytest.approx(expected)

    def test_probabilities_of_the_grades(self):
        logits = randoms(5, 3, seed=1)
        conditional = expit(logits.numpy())
        above = conditional.cumprod(axis=1)
        expected = -np.diff(np.column_stack([np.ones(5), above, np.zeros(5)]), axis=1)
        np.testing.assert_allclose(log_grades(logits, "corn").exp().numpy(), expected, rtol=1e-9)
        levels = np.column_stack([logits[:, 0].numpy(), -np.logaddexp(0, logits[:, 1:].numpy())]).cumsum(axis=1)
        expected = -np.diff(np.column_stack([np.ones(5), expit(levels), np.zeros(5)]), axis=1)
        np.testing.assert_allclose(log_grades(logits, "cumulative_link").exp().numpy(), expected, rtol=1e-9)

    def test_the_link_of_the_task(self):
        facts = TrainingFacts(Schema({}, task=Ordinal(("a", "b", "c"), "cumulative_link")), ())
        with pytest.raises(SettingsError, match="use the loss `cumulative_link`, or set `link: corn` of"):
            losses.Corn().build(OutputSpec(2), facts)

    def test_cumulative_link(self):
        # The second threshold lies log(1 + e^0) = log 2 below the first: 1/2 and 1/3 exceed them.
        logits = tensor([[0.0, 0.0]] * 3)
        for grade, share in enumerate((1 / 2, 1 / 2 - 1 / 3, 1 / 3)):
            assert value("cumulative_link", logits, torch.tensor([grade] * 3)) == pytest.approx(-log(share))

    @pytest.mark.parametrize("link", ["corn", "cumulative_link"])
    def test_soft_grades(self, link):
        student, teacher = randoms(4, 2, seed=1), randoms(4, 2, seed=2)
        ours, theirs = (log_grades(logits, link, temperature=3.0).numpy() for logits in (student, teacher))
        expected = 9 * (np.exp(theirs) * (theirs - ours)).sum(axis=1).mean()
        assert value("soft_ordinal", student, teacher, temperature=3.0, link=link) == pytest.approx(expected)


class TestMultiLabel:
    def test_positive_weights(self):
        logits, target = tensor([[0.0, log(3.0)]]), torch.tensor([[1, 0]])
        assert value("binary_cross_entropy", logits, target) == pytest.approx((log(2) + log(4)) / 2)
        weighted = value("binary_cross_entropy", logits, target, positive_weight=(5.0, 7.0))
        assert weighted == pytest.approx((5 * log(2) + log(4)) / 2)

    def test_inverse_frequency(self):
        loss = losses.BinaryCrossEntropy(positive_weight="inverse_frequency")
        schema = Schema({}, task=Classification(("rash", "fever")))  # for the names
        targets = np.array([[1, 0], [0, 1], [0, 1], [0, 1]])
        built = loss.build(OutputSpec(2), TrainingFacts(schema, (), targets))
        torch.testing.assert_close(built.weights, torch.tensor([3.0, 1 / 3]))
        with pytest.raises(SettingsError, match="no training subject has the label 'rash'"):
            loss.build(OutputSpec(2), TrainingFacts(schema, (), targets[1:]))
        with pytest.raises(SettingsError, match="has 1 numbers for 2 labels"):
            losses.BinaryCrossEntropy(positive_weight=(1.0,)).build(OutputSpec(2))

    def test_soft_labels(self):
        student, teacher = randoms(4, 3, seed=1), randoms(4, 3, seed=2)
        p, q = expit(teacher.numpy() / 2), expit(student.numpy() / 2)
        expected = 4 * (p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))).mean()
        assert value("soft_binary", student, teacher) == pytest.approx(expected)


class TestCox:
    def test_by_hand(self):
        # At the first event all three are at risk, at the second, after the censoring, one alone.
        logits, target = tensor([[0.0], [1.0], [2.0]]), tensor([[1.0, 1.0], [2.0, 0.0], [3.0, 1.0]])
        assert value("cox", logits, target) == pytest.approx((log(1 + exp(1) + exp(2)) + 0) / 2)

    def test_events_and_censoring_at_one_time(self):
        # Two events and a censored subject, hazards 1, 2 and 4: all are at risk.
        logits, target = tensor([[0.0], [log(2)], [log(4)]]), tensor([[5.0, 1.0], [5.0, 1.0], [5.0, 0.0]])
        assert value("cox", logits, target, ties="breslow") == pytest.approx((2 * log(7) - log(2)) / 2)
        assert value("cox", logits, target) == pytest.approx((log(7) + log(7 - 3 / 2) - log(2)) / 2)

    @pytest.mark.parametrize(("ties", "theirs"), [("efron", 3.441763401), ("breslow", 3.493245363)])
    def test_as_torchsurv(self, ties, theirs):
        # What neg_partial_log_likelihood of torchsurv 0.2.0 gives with reduction="sum", divided by the events.
        logits = torch.linspace(-2, 2, 30, dtype=torch.float64)[torch.arange(30) * 7 % 30, None]
        # Times of the events are shared by some, and no censored subject has one of them.
        event = torch.arange(30) % 3 > 0
        time = torch.where(event, torch.arange(30) // 4 + 1.0, torch.arange(30) + 0.5)
        ours = value("cox", logits, torch.stack([time, event.double()], dim=1), ties=ties)
        assert ours == pytest.approx(theirs, rel=1e-6)

    def test_hazards_are_not_for_cox(self):
        with pytest.raises(
            SettingsError, match="has one logit, a log hazard, and the network has 2; use `discrete_time`"
        ):
            losses.Cox().build(OutputSpec(2))

    def test_no_event(self):
        logits = tensor([[1.0], [2.0]]).requires_grad_()
        loss = losses.Cox()(logits, tensor([[1.0, 0.0], [2.0, 0.0]]))
        loss.backward()
        assert loss.item() == 0
        assert not logits.grad.any()


class TestDiscreteTime:
    def test_which_bins(self):
        cuts = tensor([2.0, 4.0, 8.0])
        time, event = tensor([2.0, 2.5, 3.5, 7.0, 9.0, 9.0]), torch.tensor([1, 0, 0, 1, 1, 0]) == 1
        survived, happened = bin_targets(time, event, cuts)
        # Censored at 3.5, in the second half of the bin up to 4; an event after the last cut point is in no bin.
        assert survived.int().tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 0], [1, 1, 1], [1, 1, 1]]
        assert happened.int().tolist() == [[1, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 1], [0, 0, 0], [0, 0, 0]]

    def test_by_hand(self):
        # Hazards 1/4 and 1/2: an event in the second bin, and one in the first.
        logits = tensor([[-log(3), 0.0]] * 2)
        loss = value("discrete_time", logits, tensor([[3.0, 1.0], [1.0, 1.0]]), cuts=(2.0, 4.0))
        assert loss == pytest.approx(-(log(3 / 4 * 1 / 2) + log(1 / 4)) / 2)

    def test_the_cut_points_are_those_of_the_task(self):
        schema = Schema({}, task=Survival("discrete", (1.0, 2.0)))
        assert losses.DiscreteTime().build(OutputSpec(2), TrainingFacts(schema, ())).cuts.tolist() == [1.0, 2.0]

    @pytest.mark.parametrize(
        ("cuts", "message"),
        [(None, "the task has none"), ((2.0, 1.0), "must ascend, got 2, 1"), ((1.0,), "there are 1 cut points")],
    )
    def test_cut_points_that_do_not_fit(self, cuts, message):
        with pytest.raises(SettingsError, match=message) as caught:
            losses.DiscreteTime(cuts=cuts).build(OutputSpec(2))
        assert caught.value.field == "cuts"

    def test_hazards(self):
        student, teacher = randoms(3, 2, seed=1), randoms(3, 2, seed=2)
        p, q = expit(teacher.numpy() / 2), expit(student.numpy() / 2)
        each = p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))
        expected = 4 * (each[:, 0] + (1 - p[:, 0]) * each[:, 1]).mean()  # the chain rule
        assert value("hazard_kl", student, teacher) == pytest.approx(expected)
        with pytest.raises(SettingsError, match="Cox's model have no bins"):
            value("hazard_kl", student[:, :1], teacher[:, :1])

    def test_a_chain_sums_to_one(self):
        np.testing.assert_allclose(chain_log_probabilities(randoms(4, 3)).exp().sum(dim=1).numpy(), 1, rtol=1e-12)


class TestRanking:
    def test_pairs(self):
        student, teacher = tensor([[0.0], [0.0]]), tensor([[log(3.0)], [0.0]])
        # The teacher gives 3/4 to the first, the student 1/2.
        expected = 3 / 4 * log(3 / 2) + 1 / 4 * log(1 / 2)
        assert value("risk_ranking", student, teacher) == pytest.approx(expected)
        assert value("risk_ranking", 2 * student, 2 * teacher, temperature=2.0) == pytest.approx(expected)

    def test_risks_of_discrete_time(self):
        logits = randoms(4, 3, seed=3)
        cumulative = -np.log(1 - expit(logits.numpy())).cumsum(axis=1)
        np.testing.assert_allclose(log_risks(logits).numpy(), np.log(cumulative.sum(axis=1)), rtol=1e-9)
        # Logits of hazards far too small for softplus: log(2 e^-1000 + e^-1000).
        assert float(log_risks(tensor([[-1000.0, -1000.0]]))) == pytest.approx(-1000 + log(3))

    def test_shift_does_not_matter(self):
        student, teacher = randoms(6, 1, seed=1), randoms(6, 1, seed=2)
        assert value("risk_ranking", student + 5, teacher) == pytest.approx(value("risk_ranking", student, teacher))
        assert value("risk_ranking", student[:1], teacher[:1]) == 0.0


def test_the_minimum_of_soft_losses_is_the_teacher():
    teacher = randoms(6, 2, seed=1)
    for name in ("soft_ordinal", "soft_binary", "hazard_kl", "risk_ranking", "prediction_mse"):
        student = teacher.clone().requires_grad_()
        getattr(losses, name)()(student, teacher).backward()
        assert student.grad.abs().max() < sqrt(torch.finfo(torch.float64).eps), name
