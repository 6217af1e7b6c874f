"""Losses that differentiate through the networks: values worked out by hand, and both in a recipe."""

from __future__ import annotations

import csv

import pytest
import torch

from losses.test_losses_runs import MAPS, TAUGHT, WITH_POSITIONS, with_terms
from tiny import loaded, trained
from xdistill.errors import SettingsError
from xdistill.types import Batch, Output

X = [[1.0, -2.0], [0.5, 3.0]]


def tensor(values):
    return torch.tensor(values, dtype=torch.float64)


def batch_of(x, *, target=(0, 0), present=(True, True)):
    return Batch({"x": tensor(x).requires_grad_()}, {"x": torch.tensor(present)}, ("a", "b"), torch.tensor(target))


def linear(weight, batch):
    """A network whose Jacobian is its weight: logits and a feature that is the input."""
    feature = batch.inputs["x"] * 1.0
    return Output(feature @ weight.T, {"feature": feature})


def jacobian(build_for, batch, student, teacher, **settings):
    block = {"use": "jacobian", **({} if "taps" in settings else {"inputs": ["x"]}), **settings}
    loss = build_for(block, student={"feature": (2,)}).double()
    return loss(linear(student, batch), linear(teacher, batch), batch)


STUDENT = [[3.0, 4.0], [1.0, 0.0], [0.0, 2.0]]
TEACHER = [[8.0, 6.0], [0.0, 1.0], [0.0, 2.0]]


class TestJacobian:
    def test_of_linear_networks(self, build_for):
        # Rows of the true class: (3, 4) and (8, 6), of length one (0.6, 0.8) and (0.8, 0.6).
        student, teacher = tensor(STUDENT), tensor(TEACHER)
        assert jacobian(build_for, batch_of(X), student, teacher).item() == pytest.approx(0.04 + 0.04)
        plain = jacobian(build_for, batch_of(X), student, teacher, normalise=False)
        assert plain.item() == pytest.approx(25 + 4)

    def test_each_subject_has_its_class(self, build_for):
        # Class 1: (1, 0) and (0, 1), of distance 2; class 2 is alike.
        values = [
            jacobian(build_for, batch_of(X, target=target), tensor(STUDENT), tensor(TEACHER)).item()
            for target in ([1, 1], [2, 2], [1, 2])
        ]
        assert values == pytest.approx([2, 0, 1])

    def test_the_class_that_the_teacher_predicts(self, build_for):
        # The teacher's logits are (-4, -2, -4) and (22, 3, 6): classes 1 and 0.
        value = jacobian(build_for, batch_of(X, target=[2, 2]), tensor(STUDENT), tensor(TEACHER), of="teacher")
        assert value.item() == pytest.approx((2 + 0.08) / 2)

    def test_with_respect_to_a_feature(self, build_for):
        value = jacobian(build_for, batch_of(X), tensor(STUDENT), tensor(TEACHER), taps=["feature"])
        assert value.item() == pytest.approx(0.08)
        both = jacobian(build_for, batch_of(X), tensor(STUDENT), tensor(TEACHER), taps=["feature"], inputs=["x"])
        assert both.item() == pytest.approx(0.16)

    def test_a_subject_without_the_modality_counts_as_zero(self, build_for):
        batch = batch_of(X, present=[True, False])
        assert jacobian(build_for, batch, tensor(STUDENT), tensor(TEACHER)).item() == pytest.approx(0.04)

    def test_the_gradient_of_the_student_is_that_of_its_jacobian(self, build_for):
        # L = |w_s - w_t|^2 for the row of the true class, so its gradient is 2 (w_s - w_t).
        student, teacher = tensor(STUDENT).requires_grad_(), tensor(TEACHER).requires_grad_()
        jacobian(build_for, batch_of(X), student, teacher, normalise=False).backward()
        torch.testing.assert_close(student.grad, tensor([[-10.0, -4.0], [0.0, 0.0], [0.0, 0.0]]))
        assert teacher.grad is None

    def test_descent_aligns_the_jacobians(self, build_for):
        student, teacher = tensor(STUDENT).requires_grad_(), tensor(TEACHER)
        optimizer = torch.optim.SGD([student], lr=1.0)
        for _ in range(200):
            optimizer.zero_grad()
            jacobian(build_for, batch_of(X), student, teacher).backward()
            optimizer.step()
        assert torch.cosine_similarity(student[0], teacher[0], dim=0) > 0.9999

    def test_a_network_that_does_not_read_the_input_is_reported(self, build_for):
        loss = build_for({"use": "jacobian", "inputs": ["x"]}, student={})
        batch = batch_of(X)
        blind = Output(torch.zeros(2, 3, dtype=torch.float64, requires_grad=True))
        with pytest.raises(SettingsError, match=r"logits of the student do not depend on 'x'") as caught:
            loss(blind, linear(tensor(TEACHER), batch), batch)
        assert caught.value.field == "inputs"

    def test_something_has_to_be_named(self, build_for):
        with pytest.raises(SettingsError, match="`inputs` or features in `taps`"):
            build_for({"use": "jacobian"}, student={})

    def test_features_of_other_shapes_are_refused(self, build_for):
        with pytest.raises(SettingsError, match="shape 2 in the student and 3 in the teacher"):
            build_for({"use": "jacobian", "taps": ["t"]}, student={"t": (2,)}, teacher={"t": (3,)})


def pooled(value, weight):
    """A network that ends in average pooling and a linear layer: gradients are weights divided by the positions."""
    leaf = tensor(value).requires_grad_()
    feature = leaf * 1.0
    return leaf, Output(feature.mean(dim=2) @ tensor(weight).T, {"map": feature})


def one_subject(target):
    return Batch({}, {}, ("a",), torch.tensor([target]))


class TestClassAttention:
    # Two channels over two positions. Class 0 weighs the first channel, class 1 the second, class 2 minus the first.
    WEIGHT = ((1.0, 0.0), (0.0, 1.0), (-1.0, 0.0))

    def loss(self, build_for, **settings):
        return build_for({"use": "cam_attention", "taps": ["map"], **settings}, student={"map": (2, 2)}).double()

    def test_maps_of_unit_length(self, build_for):
        _, student = pooled([[[3.0, 4.0], [1.0, 0.0]]], self.WEIGHT)
        _, teacher = pooled([[[8.0, 6.0], [0.0, 7.0]]], self.WEIGHT)
        loss = self.loss(build_for)
        assert loss(student, teacher, one_subject(0)).item() == pytest.approx((0.04 + 0.04) / 2)
        assert loss(student, teacher, one_subject(1)).item() == pytest.approx((1 + 1) / 2)

    def test_what_speaks_against_the_class_is_left_out(self, build_for):
        _, student = pooled([[[3.0, 4.0], [1.0, 0.0]]], self.WEIGHT)
        _, teacher = pooled([[[-8.0, -6.0], [0.0, 7.0]]], self.WEIGHT)
        # The student's map of class 2 is negative everywhere, so zero; the teacher's has length one.
        assert self.loss(build_for)(student, teacher, one_subject(2)).item() == pytest.approx(1 / 2)

    def test_squared_gradients(self, build_for):
        # z = sum of F^2 / 2 for every class, so the gradient is F: squares (9, 16) and (16, 9) over one channel of two.
        def quadratic(value):
            feature = tensor(value).requires_grad_() * 1.0
            return Output((feature.square().sum(dim=(1, 2)) / 2)[:, None].expand(-1, 3), {"map": feature})

        student, teacher = quadratic([[[3.0, 4.0], [0.0, 0.0]]]), quadratic([[[0.0, 0.0], [4.0, 3.0]]])
        gap = (16 - 9) ** 2 / (9**2 + 16**2)
        value = self.loss(build_for, form="gradient")(student, teacher, one_subject(0))
        assert value.item() == pytest.approx(2 * gap / 2)

    def test_gradients_reach_the_student_alone(self, build_for):
        ours, student = pooled([[[3.0, 4.0], [1.0, 0.0]]], self.WEIGHT)
        theirs, teacher = pooled([[[8.0, 6.0], [0.0, 7.0]]], self.WEIGHT)
        self.loss(build_for)(student, teacher, one_subject(0)).backward()
        assert ours.grad[0, 0].all()
        assert not ours.grad[0, 1].any()  # class 0 does not weigh it
        assert theirs.grad is None

    def test_a_larger_map_is_averaged(self, build_for):
        loss = build_for(
            {"use": "cam_attention", "taps": ["map"]}, student={"map": (2, 2)}, teacher={"map": (1, 4)}
        ).double()
        _, student = pooled([[[3.0, 4.0], [1.0, 0.0]]], self.WEIGHT)
        _, teacher = pooled([[[7.0, 9.0, 5.0, 7.0]]], [[1.0], [1.0], [1.0]])
        assert loss(student, teacher, one_subject(0)).item() == pytest.approx(0.04)

    def test_vectors_and_single_positions_are_refused(self, build_for):
        for shape, message in (((4,), "need positions"), ((4, 1, 1), "a single position")):
            with pytest.raises(SettingsError, match=message):
                build_for({"use": "cam_attention", "taps": ["t"]}, student={"t": shape})

    def test_a_feature_beside_the_logits_is_reported(self, build_for):
        _, student = pooled([[[3.0, 4.0], [1.0, 0.0]]], self.WEIGHT)
        beside = Output(student.logits, {"map": student.features["map"] + 0})
        with pytest.raises(SettingsError, match=r"do not depend on 'map'"):
            self.loss(build_for)(beside, student, one_subject(0))


@pytest.mark.parametrize("frozen", [True, False], ids=["frozen-teacher", "joint"])
def test_a_recipe_with_both(frozen, tmp_path, shared_cache):
    terms = [{"use": "jacobian", "inputs": ["hbp"]}, {"use": "cam_attention", "taps": MAPS}]
    recipe = with_terms(*terms)
    if frozen:
        (stage,) = recipe["stages"]
        teacher = {**stage, "name": "teacher", "train": ["teacher"], "objective": [TAUGHT[0]]}
        recipe["stages"] = [teacher, {**stage, "train": ["student"], "objective": [TAUGHT[1], *terms]}]
    run = trained(loaded(**recipe, data=WITH_POSITIONS), runs=tmp_path, cache=shared_cache)
    rows = list(csv.DictReader((run.path / "folds/r0-f0/history.csv").read_text(encoding="utf-8").splitlines()))
    assert all(float(rows[-1][term["use"]]) > 0 for term in terms)
