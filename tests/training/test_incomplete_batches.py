"""Batches in which some subjects lack what only the teacher reads."""

import numpy as np
import pytest
import torch
from torch import nn

from xdistill.training.loader import epoch_keys, spread
from xdistill.training.model import DistillationModel, Opaque, complete_subjects
from xdistill.training.objective import Objective, Term
from xdistill.types import Batch, Output


def batch_of(present, clinical=None):
    size = len(present)
    values = torch.arange(float(size))[:, None] if clinical is None else clinical
    return Batch(
        inputs={"image": torch.arange(float(size))[:, None], "clinical": values},
        present={"image": torch.ones(size, dtype=torch.bool), "clinical": torch.tensor(present)},
        subjects=tuple(f"s{place}" for place in range(size)),
        target=torch.zeros(size, dtype=torch.int64),
    )


class Watched(nn.Module):
    """A network that keeps what it was given."""

    def __init__(self, inputs):
        super().__init__()
        self.inputs = inputs
        self.scale = nn.Parameter(torch.ones(1))
        self.given = []

    def forward(self, batch):
        self.given.append(batch)
        value = batch.inputs[self.inputs[-1]] * self.scale
        return Output(logits=torch.cat([value, -value], dim=1))


class Terms(nn.Module):
    """Remembers what it was called with."""

    roles = ("teacher", "student")
    needs_grad = False
    active = ()

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, outputs, batch, taught=None):
        self.seen.append((sorted(outputs), taught))
        return {"sum": outputs["student"].logits.sum()}

    def total(self, values):
        return values["sum"]

    def sizes(self, labels, batch, taught=None):
        return dict.fromkeys(labels, len(batch if taught is None else taught))


@pytest.mark.parametrize(
    ("present", "given"),
    [([True, False, True, False], ["s0", "s2"]), ([False, True, False], None), ([True, True], ["s0", "s1"])],
)
def test_the_teacher_never_meets_an_incomplete_subject(present, given):
    networks = {"teacher": Watched(("image", "clinical")), "student": Watched(("image",))}
    terms = Terms()
    model = DistillationModel(networks, terms, ["teacher", "student"], required=("image", "clinical"))
    model(Opaque(batch_of(present)))
    (to_student,) = networks["student"].given
    assert len(to_student) == len(present)
    assert "clinical" not in to_student.inputs
    if given is None:
        assert not networks["teacher"].given
        assert terms.seen[0][0] == ["student"]
    else:
        assert list(networks["teacher"].given[0].subjects) == given


def test_terms_are_means_over_the_subjects_that_they_saw():
    class Mean(nn.Module):
        def forward(self, *outputs_and_batch):
            *outputs, batch = outputs_and_batch
            assert all(len(output.logits) == len(batch) for output in outputs)
            return outputs[0].logits[:, 0].mean()

    def term(label, on):
        return Term(Mean(), label=label, on=on)

    objective = Objective([term("task", "student"), term("teach", "teacher"), term("distil", "")])
    batch = batch_of([True, False, True])
    student = Output(logits=torch.tensor([[1.0, 0], [2.0, 0], [6.0, 0]]))
    teacher = Output(logits=torch.tensor([[10.0, 0], [20.0, 0]]))
    parts = objective({"student": student, "teacher": teacher}, batch, torch.tensor([0, 2]))
    assert {name: float(value) for name, value in parts.items()} == {"task": 3.0, "teach": 15.0, "distil": 3.5}
    assert float(objective.total(parts)) == 21.5
    parts = objective({"student": student}, batch, torch.tensor([], dtype=torch.int64))
    assert set(parts) == {"task"}


def test_complete_subjects_by_hand():
    assert complete_subjects(batch_of([True, False, True]), ()) is None
    assert complete_subjects(batch_of([True, True]), ("clinical",)) is None
    assert complete_subjects(batch_of([True]), ("clinical",)) is None  # a batch of one is what the recipe asked for
    assert complete_subjects(batch_of([True, False, True]), ("image", "clinical")).tolist() == [0, 2]
    assert complete_subjects(batch_of([True, False]), ("clinical",)).tolist() == []


@pytest.mark.parametrize(
    ("subjects", "with_teacher", "counts"),
    [
        (32, 8, [2, 2, 2, 2]),
        (32, 10, [2, 3, 2, 3]),
        (32, 4, [2, 0, 2, 0]),
        (32, 5, [2, 0, 3, 0]),
        (32, 1, [1, 0, 0, 0]),
        (26, 24, [8, 8, 6, 2]),  # the last batch has room for two
    ],
)
def test_complete_subjects_are_spread_evenly(subjects, with_teacher, counts):
    complete = np.arange(subjects) < with_teacher
    keys = epoch_keys(np.arange(subjects), batch_size=8, drop_last=False, seed=1, complete=complete)
    assert sorted(row for key in keys for row in key.rows) == list(range(subjects))
    assert [int(complete[key.rows].sum()) for key in keys] == counts
    assert [len(key.rows) for key in keys] == [
        len(key.rows) for key in epoch_keys(np.arange(subjects), batch_size=8, drop_last=False, seed=1)
    ]


def test_spreading_keeps_what_was_left_out():
    batches = [np.array([5, 1, 7]), np.array([0, 4, 2])]
    spread_out = spread(batches, np.array([True, True, True, False, True, False, False, False]))
    assert [batch.tolist() for batch in spread_out] == [[1, 0, 5], [4, 2, 7]]
