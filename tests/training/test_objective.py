"""The objective on numbers: which terms are computed, on whom, and what they sum to."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from xdistill.training.objective import Objective, Term, output_part, spec_part
from xdistill.types import Batch, Output, OutputSpec


class Task(nn.Module):
    """The mean logit, minus the mean target."""

    def forward(self, output, batch):
        return output.logits.mean() - batch.target.float().mean()


class Distance(nn.Module):
    """The mean difference of the logits."""

    def __init__(self, *, needs_grad=False):
        super().__init__()
        self.needs_grad = needs_grad
        self.teacher = None

    def forward(self, student, teacher, batch):
        assert len(batch) == len(student.logits) == len(teacher.logits)
        self.teacher = teacher
        return (teacher.logits - student.logits).mean()


class Forbidden(nn.Module):
    def forward(self, *_):
        raise AssertionError("a term of weight zero is not computed")


BATCH = Batch(inputs={}, present={}, subjects=("a", "b", "c"), target=torch.tensor([0, 1, 2]))
STUDENT = Output(logits=torch.tensor([[1.0], [2.0], [6.0]]))
TEACHER = Output(logits=torch.tensor([[5.0], [6.0], [7.0]]), aux={"early": torch.tensor([[10.0], [10.0], [13.0]])})
BOTH = {"teacher": TEACHER, "student": STUDENT}


def test_a_term_of_weight_zero_is_not_computed_and_asks_for_no_network():
    objective = Objective([
        Term(Task(), label="task", on="student"),
        Term(Forbidden(), label="distance", weight=0.0),
        Term(Forbidden(), label="teacher", on="teacher", weight=0.0),
    ])  # fmt: skip
    assert objective.roles == ("student",)
    assert {name: value.item() for name, value in objective({"student": STUDENT}, BATCH).items()} == {"task": 2.0}


def test_a_term_of_weight_zero_needs_no_gradient_through_the_networks():
    assert not Objective([Term(Distance(needs_grad=True), label="d", weight=0.0)]).needs_grad
    assert Objective([Term(Distance(needs_grad=True), label="d", weight=1e-9)]).needs_grad


def test_the_total_is_the_weighted_sum_of_what_was_computed():
    objective = Objective([
        Term(Task(), label="student", on="student", weight=2.0),
        Term(Task(), label="teacher", on="teacher", weight=0.5),
        Term(Distance(), label="distance", weight=3.0),
    ])  # fmt: skip
    assert objective.roles == ("teacher", "student")
    values = objective(BOTH, BATCH)
    assert {name: value.item() for name, value in values.items()} == {"student": 2.0, "teacher": 5.0, "distance": 3.0}
    assert objective.total(values).item() == 2.0 * 2.0 + 0.5 * 5.0 + 3.0 * 3.0
    assert objective.total({"distance": values["distance"]}).item() == 9.0


def test_terms_that_need_the_teacher_are_means_over_the_subjects_that_it_was_given():
    objective = Objective([
        Term(Task(), label="student", on="student"),
        Term(Task(), label="teacher", on="teacher"),
        Term(Distance(), label="distance"),
    ])  # fmt: skip
    taught = torch.tensor([0, 2])
    values = objective({"teacher": TEACHER.take(taught), "student": STUDENT}, BATCH, taught)
    # student: mean of 1, 2, 6 - mean of 0, 1, 2; teacher: mean of 5, 7 - mean of 0, 2; distance: mean of 4, 1
    assert {name: value.item() for name, value in values.items()} == {"student": 2.0, "teacher": 5.0, "distance": 2.5}


def test_without_an_output_of_the_teacher_its_terms_are_left_out():
    objective = Objective([Term(Task(), label="student", on="student"), Term(Distance(), label="distance")])
    assert list(objective({"student": STUDENT}, BATCH, torch.tensor([], dtype=torch.long))) == ["student"]


def test_auxiliary_logits_are_scored_in_place_of_the_logits():
    term = Term(Task(), label="early", on="teacher", output="early")
    assert term(BOTH, BATCH).item() == pytest.approx(11.0 - 1.0)


@pytest.mark.parametrize(
    ("detach", "needs_grad", "attached"), [(True, False, False), (False, False, True), (True, True, True)]
)
def test_the_teacher_is_detached_unless_the_loss_or_the_recipe_needs_its_graph(detach, needs_grad, attached):
    loss = Distance(needs_grad=needs_grad)
    leaf = torch.zeros(3, 1, requires_grad=True)
    Term(loss, label="d", detach_teacher=detach)({"teacher": Output(logits=leaf), "student": STUDENT}, BATCH)
    assert loss.teacher.logits.requires_grad is attached


def test_features_of_a_member_have_the_name_of_their_tap():
    spec = OutputSpec(3, {"early.hidden": (4,), "hidden": (8,)}, aux=("early",))
    assert spec_part(spec, "logits") is spec
    assert spec_part(spec, "early").features == {"early.hidden": (4,), "hidden": (4,)}
    features = {"early.hidden": torch.ones(2, 4), "hidden": torch.zeros(2, 8)}
    output = Output(torch.zeros(2, 3), features, {"early": torch.ones(2, 3)})
    assert output_part(output, "logits") is output
    assert output_part(output, "early").logits is output.aux["early"]
    assert output_part(output, "early").features["hidden"].shape == (2, 4)
