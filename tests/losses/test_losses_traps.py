"""What many public versions get wrong: single subjects, two classes, extreme logits, zeros, volumes, memory."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from losses.outputs import make_batch, of_feature, randoms
from xdistill.types import Output
from xdistill_losses.logits.decoupled import decoupled
from xdistill_losses.numerics import distances, unit
from xdistill_losses.relations.geometry import angle_relations, distance_relations

SPATIAL = ("hint", "vid", "at", "ft", "nst", "cwd", "pkd", "ab", "ofd", "review")
RELATIONAL = ("rkd", "pkt", "cc", "cka", "crd")
OF_LOGITS = ("kd", "dkd", "dist", "wsld", "generalized")


def block(use, **settings):
    return {"use": use, "taps": ["tap"], **settings}


def gradient(loss, student, teacher, **options):
    """The loss of one tap and the gradient of the student's feature."""
    leaf = student.clone().requires_grad_()
    value = loss(of_feature(leaf), of_feature(teacher), make_batch(len(student), **options))
    value.backward()
    return value.detach(), leaf.grad


class TestSingleSubjects:
    @pytest.mark.parametrize("use", ["rkd", "cc", "cka", "pkt"])
    def test_one_subject_has_no_relations(self, use, build_for):
        student, teacher = randoms(1, 4, seed=1), randoms(1, 4, seed=2)
        value, slope = gradient(build_for(block(use), student={"tap": (4,)}), student, teacher)
        assert value == 0
        assert not slope.any()

    def test_dist_of_one_subject_is_its_correlation_over_classes(self, value_of):
        student, teacher = Output(randoms(1, 4, seed=1)), Output(randoms(1, 4, seed=2))
        both = value_of({"use": "dist"}, student, teacher)
        assert both == pytest.approx(value_of({"use": "dist", "gamma": 0}, student, teacher))
        assert value_of({"use": "dist", "beta": 0}, student, teacher) == 0

    def test_a_lonely_subject_still_has_its_positive_pair(self, build_for):
        loss = build_for(block("crd"), student={"tap": (4,)})
        value, slope = gradient(loss, randoms(1, 4, dtype=torch.float32), randoms(1, 4, seed=2, dtype=torch.float32))
        assert value > 0
        assert slope.any()


class TestExtremeLogits:
    @pytest.mark.parametrize("use", OF_LOGITS)
    def test_finite_in_single_precision(self, use, build_for):
        student = torch.tensor([[3e4, -3e4, 0.0], [-3e4, 3e4, 0.0]], requires_grad=True)
        teacher = torch.tensor([[-3e4, 3e4, 0.0], [-3e4, 3e4, 1e4]])
        value = build_for({"use": use}, student={})(Output(student), Output(teacher), make_batch(2))
        value.backward()
        assert value.isfinite()
        assert student.grad.isfinite().all()

    def test_the_true_class_of_dkd_does_not_overflow(self):
        # Log-odds of 200 for the student and -200 for the teacher: the divergence is 200, where the logarithm of the
        # student's probability of the others, which rounds to zero, is infinite.
        student, teacher = torch.tensor([[200.0, 0.0, -300.0]]), torch.tensor([[-200.0, 0.0, -300.0]])
        value = decoupled(student, teacher, torch.tensor([0]), alpha=1, beta=0, temperature=1)
        assert value.item() == pytest.approx(200.0)
        assert F.softmax(student, dim=1)[0, 1:].sum().log().isinf()

    def test_equal_logits_have_no_deviation_to_divide_by(self, build_for):
        student = torch.zeros(2, 3, requires_grad=True)
        loss = build_for({"use": "kd", "standardise": True}, student={})
        loss(Output(student), Output(randoms(2, 3).float()), make_batch(2)).backward()
        assert student.grad.abs().max() < 10


class TestZeros:
    """A map of zeros, as a dead ReLU leaves it: neither NaN nor a gradient as large as one over a small constant."""

    @pytest.mark.parametrize("shape", [(4,), (4, 3, 3)], ids=["vector", "map"])
    @pytest.mark.parametrize("zeros", ["student", "teacher", "both"])
    @pytest.mark.parametrize("use", SPATIAL + RELATIONAL)
    def test_values_and_gradients_stay_small(self, use, zeros, shape, build_for):
        made = {
            role: randoms(5, *shape, seed=seed, dtype=torch.float32) for seed, role in enumerate(("student", "teacher"))
        }
        made = {role: 0 * value if zeros in (role, "both") else value for role, value in made.items()}
        value, slope = gradient(build_for(block(use), student={"tap": shape}), made["student"], made["teacher"])
        assert value.isfinite()
        assert slope.isfinite().all()
        assert slope.abs().max() < 1e4  # group norm lifts zeros by 316, and review has two in a row

    def test_subjects_that_coincide_have_no_angle_and_no_distance(self):
        student = torch.tensor([[1.0, 2.0], [1.0, 2.0], [0.0, 1.0], [5.0, 3.0]], requires_grad=True)
        teacher = randoms(4, 3, seed=2, dtype=torch.float32)
        (angle_relations(student, teacher) + distance_relations(student, teacher)).backward()
        assert student.grad.isfinite().all()
        assert student.grad.abs().max() < 1

    def test_directions(self):
        value = torch.tensor([[3.0, 4.0], [0.0, 0.0]], requires_grad=True)
        found = unit(value, dim=1)
        torch.testing.assert_close(found.detach(), torch.tensor([[0.6, 0.8], [0.0, 0.0]]))
        (found * torch.tensor([1.0, 2.0])).sum().backward()
        assert not value.grad[1].any()
        assert torch.autograd.gradcheck(lambda x: unit(x, dim=1), randoms(3, 4).requires_grad_())


class TestShapes:
    UNEQUAL = [((4, 6), (7, 3)), ((4, 6, 5), (7, 3, 8)), ((4, 6, 5, 4), (7, 3, 8, 2))]

    @pytest.mark.parametrize(("ours", "theirs"), UNEQUAL, ids=["sequence", "image", "volume"])
    @pytest.mark.parametrize("use", SPATIAL)
    def test_maps_of_other_channels_and_other_sizes(self, use, ours, theirs, build_for):
        loss = build_for(block(use), student={"tap": ours}, teacher={"tap": theirs})
        value, slope = gradient(
            loss, randoms(3, *ours, dtype=torch.float32), randoms(3, *theirs, seed=2, dtype=torch.float32)
        )
        assert value.isfinite()
        assert slope.any()

    @pytest.mark.parametrize("use", RELATIONAL)
    def test_relations_between_a_map_and_a_vector(self, use, build_for):
        settings = {"kernel": "rbf"} if use == "cc" else {}
        loss = build_for(block(use, **settings), student={"tap": (4, 6, 5, 4)}, teacher={"tap": (9,)})
        value, slope = gradient(
            loss, randoms(3, 4, 6, 5, 4, dtype=torch.float32), randoms(3, 9, seed=2, dtype=torch.float32)
        )
        assert value.isfinite()
        assert slope.any()

    def test_layers_of_a_flow_may_differ_in_size(self, build_for):
        shapes = {"a": (2, 8, 8, 4), "b": (3, 4, 4, 2), "c": (5, 2, 2, 1)}
        wider = {tap: (2 * shape[0], *shape[1:]) for tap, shape in shapes.items()}
        loss = build_for({"use": "fsp", "taps": ["a", "b", "c"]}, student=shapes, teacher=wider)
        student, teacher = (
            Output(
                torch.zeros(2, 3), {tap: randoms(2, *shape, seed=9, dtype=torch.float32) for tap, shape in of.items()}
            )
            for of in (shapes, wider)
        )
        assert loss(student, teacher, make_batch(2)).isfinite()

    def test_a_smaller_map_is_compared_with_the_average_of_the_larger(self, value_of):
        larger = torch.tensor([[[1.0, 3.0, 5.0, 5.0]]], dtype=torch.float64)
        smaller = torch.tensor([[[2.0, 6.0]]], dtype=torch.float64)
        for pair in ((larger, smaller), (smaller, larger)):
            assert value_of(block("hint"), *map(of_feature, pair)) == pytest.approx(0.5)

    @pytest.mark.parametrize("use", ["at", "cwd", "hint", "pkd", "ofd", "ab", "ft", "nst"])
    def test_the_layout_of_volumes_in_memory_does_not_matter(self, use, value_of):
        student, teacher = randoms(3, 4, 2, 3, 5, seed=1), randoms(3, 4, 2, 3, 5, seed=2)
        last = [of_feature(value.to(memory_format=torch.channels_last_3d)) for value in (student, teacher)]
        value = value_of(block(use), of_feature(student), of_feature(teacher))
        assert value_of(block(use), *last) == pytest.approx(value)


class TestManySubjects:
    def test_distances_are_exact_far_from_the_origin(self):
        far = 1e4 + randoms(20, 8)
        exact = torch.cdist(far, far, compute_mode="donot_use_mm_for_euclid_dist")
        torch.testing.assert_close(distances(far.float()).double(), exact, rtol=1e-3, atol=1e-3)
        assert torch.autograd.gradcheck(distances, randoms(4, 3).requires_grad_())

    @pytest.mark.parametrize("most_numbers", [1, 200, 1_000, 10**9])
    def test_angles_in_blocks_are_the_same(self, most_numbers):
        student, teacher = randoms(7, 5, seed=1).requires_grad_(), randoms(7, 3, seed=2)
        for both in (False, True):
            learned = [student, teacher.requires_grad_()] if both else [student]
            exact = angle_relations(student, teacher)
            value = angle_relations(student, teacher, most_numbers=most_numbers)
            torch.testing.assert_close(value, exact)
            torch.testing.assert_close(torch.autograd.grad(3 * value, learned), torch.autograd.grad(3 * exact, learned))
        with torch.no_grad():
            torch.testing.assert_close(angle_relations(student, teacher, most_numbers=most_numbers), exact.detach())

    def test_angles_in_blocks_do_not_hold_every_triplet(self):
        batch = 64
        student, teacher = randoms(batch, 8, dtype=torch.float32), randoms(batch, 8, seed=2, dtype=torch.float32)
        every_triplet = 4 * batch**3
        whole, blocks = (
            peak_bytes(lambda most=most: gradient_of_angles(student, teacher, most)) for most in (10**9, 2 * batch**2)
        )
        assert whole > 3 * every_triplet
        assert blocks < every_triplet


def gradient_of_angles(student, teacher, most_numbers):
    leaf = student.clone().requires_grad_()
    angle_relations(leaf, teacher, most_numbers=most_numbers).backward()


def peak_bytes(function):
    """The most memory that tensors held at once, by the profiler's account of allocations."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        function()
    events = [event for event in profiler.profiler.kineto_results.events() if event.name() == "[memory]"]
    held = peak = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        held += event.nbytes()
        peak = max(peak, held)
    return peak
