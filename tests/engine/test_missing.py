"""Subjects who lack what only the teacher reads."""

import csv

import numpy as np
import pytest
import torch
from torch import nn

from engine.missing_runs import IMAGE_ONLY, SUBJECTS, first_fold, incomplete, prepared, trainer_of
from tiny import tiny
from xdistill.crossval.gradient_stage import _keys, _objective, _specs
from xdistill.errors import DataError
from xdistill.experiment.missing import ModalityDropout, training_subjects
from xdistill.experiment.plans import TermPlan
from xdistill.training.loader import TrainingBatches, deal, epoch_keys
from xdistill.training.objective import Objective, Term
from xdistill.training.step import Carried, StepModule, places_taught
from xdistill.types import Batch, Output


def history(fold):
    with (fold / "history.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def scored(fold):
    with (fold / "predictions.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {role: {row["subject"] for row in rows if row["role"] == role} for role in ("student", "teacher")}


def complete(subjects):
    return {name for name in subjects if int(name.removeprefix("phantom-")) <= SUBJECTS}


def batch_of(present, clinical=None):
    size = len(present)
    values = torch.arange(float(size))[:, None] if clinical is None else clinical
    return Batch(
        inputs={"image": torch.arange(float(size))[:, None], "clinical": values},
        present={"image": torch.ones(size, dtype=torch.bool), "clinical": torch.tensor(present)},
        subjects=tuple(f"s{place}" for place in range(size)),
        target=torch.zeros(size, dtype=torch.int64),
    )


def test_without_a_word_it_is_refused_and_the_choices_are_named(tmp_path, shared_cache, catalog):
    with pytest.raises(DataError, match=r"45 of 75 subjects have no `clinical`.*set `missing`.*`modality_dropout`"):
        prepared(incomplete(), tmp_path, shared_cache, catalog)


def test_what_the_student_reads_has_to_be_there(tmp_path, shared_cache, catalog):
    student = {**tiny()["teacher"]}
    recipe = incomplete(student=student, privileged=None, missing="skip")
    with pytest.raises(DataError, match="the student reads it"):
        prepared(recipe, tmp_path, shared_cache, catalog)


@pytest.mark.parametrize("use", ["impute", "modality_dropout"])
def test_imputing_needs_a_transform_that_fills(use, tmp_path, shared_cache, catalog):
    with pytest.raises(DataError, match="no transform that imputes them"):
        prepared(incomplete(missing=use, transforms=[]), tmp_path, shared_cache, catalog)


def test_too_few_complete_subjects_are_refused(tmp_path, shared_cache, catalog):
    run = prepared(incomplete(missing="skip"), tmp_path, shared_cache, catalog)
    alone = tuple(name for name in run.cohort.subjects if name not in complete(run.cohort.subjects))
    with pytest.raises(DataError, match="only 1 of 46 training subjects"):
        training_subjects(run.experiment, run.cohort, ("phantom-0001", *alone))


def test_every_fold_has_its_share_of_complete_subjects(tmp_path, shared_cache, catalog):
    run = prepared(incomplete(missing="skip"), tmp_path, shared_cache, catalog)
    assert [len(complete(split.test)) for split in run.splits] == [10, 10, 10]
    assert [len(split.test) for split in run.splits] == [25, 25, 25]


def test_skip_teaches_the_student_by_everyone_and_the_teacher_by_some(tmp_path, shared_cache, catalog):
    fold = first_fold(incomplete(missing="skip"), tmp_path, shared_cache, catalog)
    (row,) = history(fold)
    assert row["taught"] == "20"  # of 50 training subjects
    assert float(row["class_kl"]) >= 0
    found = scored(fold)
    assert len(found["student"]) == 25
    assert found["teacher"] == complete(found["student"])


def test_leave_out_trains_on_complete_subjects_and_tests_everyone(tmp_path, shared_cache, catalog):
    trainer = trainer_of(incomplete(missing="leave_out"), tmp_path, shared_cache, catalog)
    names = [trainer.source.cohort.subjects[row] for row in trainer.training]
    assert len(names) == 20
    assert complete(names) == set(names)
    assert trainer.needs == ()
    assert sum(trainer.facts.class_counts) == 20
    found = scored(first_fold(incomplete(missing="leave_out"), tmp_path, shared_cache, catalog))
    assert len(found["student"]) == 25
    assert found["teacher"] == complete(found["student"])


def test_impute_fills_vectors_as_if_all_were_missing(tmp_path, shared_cache, catalog):
    trainer = trainer_of(incomplete(missing="impute"), tmp_path, shared_cache, catalog)
    source = trainer.source
    absent = np.flatnonzero(~source.cohort.present("clinical"))
    assert len(absent) == IMAGE_ONLY
    everything_missing = source.transforms.apply("clinical", np.full((1, 52), np.nan))
    batch = source.batch(absent[:2], ["clinical"], target=False)
    assert torch.equal(batch.inputs["clinical"], torch.from_numpy(np.repeat(everything_missing, 2, axis=0)))
    assert not batch.present["clinical"].any()
    indicators = [
        place
        for place, column in enumerate(source.transforms.schema.modalities["clinical"].columns)
        if column.kind == "indicator"
    ]
    assert indicators
    assert (batch.inputs["clinical"][:, indicators] == 1).all()
    (key,) = epoch_keys(absent[:3], batch_size=8, drop_last=False, seed=0)
    modalities = source.transforms.schema.modalities
    augmentations = [choice.build(modalities=modalities) for choice in trainer.experiment.augment]
    assert augmentations
    augmented = TrainingBatches(source, augmentations)[key]
    assert torch.equal(augmented.inputs["clinical"][0], torch.from_numpy(everything_missing[0]))


def test_skipped_subjects_hold_zeros(tmp_path, shared_cache, catalog):
    source = trainer_of(incomplete(missing="skip"), tmp_path, shared_cache, catalog).source
    absent = np.flatnonzero(~source.cohort.present("clinical"))
    assert not source.batch(absent[:3], ["clinical"], target=False).inputs["clinical"].any()


def test_a_teacher_alone_goes_over_complete_subjects_alone(tmp_path, shared_cache, catalog):
    stages = [
        {"name": "teacher", "train": ["teacher"], "epochs": 1, "objective": [{"use": "focal", "on": "teacher"}]},
        {"name": "student", "train": ["student"], "epochs": 1, "objective": [{"use": "focal"}, {"use": "class_kl"}]},
        {"name": "copy", "train": ["student"], "epochs": 1, "objective": [{"use": "class_kl"}]},
    ]
    trainer = trainer_of(incomplete(missing="skip", stages=stages), tmp_path, shared_cache, catalog)
    sizes = []
    for stage in trainer.experiment.schedule:
        keys = _keys(trainer, stage, _objective(trainer, stage, stage.terms, _specs(trainer)))
        sizes.append(sum(len(key.rows) for key in keys[0]))
    assert sizes == [20, 50, 20]
    assert sum(trainer.facts_of("teacher").class_counts) == 20
    assert sum(trainer.facts_of("student").class_counts) == 50


def test_all_complete_means_the_same_bits(tmp_path, shared_cache, catalog):
    changes = {"stages": [{**tiny()["stages"][0], "epochs": 1}]}
    plain = first_fold(tiny(**changes), tmp_path / "plain", shared_cache, catalog)
    skipping = first_fold(tiny(missing="skip", **changes), tmp_path / "skip", shared_cache, catalog)
    assert (plain / "predictions.csv").read_bytes() == (skipping / "predictions.csv").read_bytes()


def test_recipes_that_say_nothing_keep_their_resolved_text(tmp_path, shared_cache, catalog):
    run = prepared(tiny(), tmp_path, shared_cache, catalog)
    assert "missing" not in run.resolved
    assert "control" not in run.resolved
    asked = prepared(tiny(missing="skip"), tmp_path, shared_cache, catalog)
    assert asked.resolved["missing"] == {"use": "skip"}
    assert asked.identity != run.identity


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
    """Two means, one on the student and one that involves the teacher."""

    roles = ("teacher", "student")

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, outputs, batch, taught=None):
        self.seen.append((sorted(outputs), taught))
        return outputs["student"].logits.sum(), {}


@pytest.mark.parametrize(
    ("present", "given"),
    [([True, False, True, False], ["s0", "s2"]), ([False, True, False], None), ([True, True], ["s0", "s1"])],
)
def test_the_teacher_never_meets_an_incomplete_subject(present, given):
    networks = {"teacher": Watched(("image", "clinical")), "student": Watched(("image",))}
    terms = Terms()
    StepModule(networks, terms, ["teacher", "student"], ("image", "clinical"))(Carried(batch_of(present)))
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
        return Term(TermPlan(label, None, on, 1.0, "logits", detach_teacher=True), Mean())

    objective = Objective([term("task", "student"), term("teach", "teacher"), term("distil", "")])
    batch = batch_of([True, False, True])
    student = Output(logits=torch.tensor([[1.0, 0], [2.0, 0], [6.0, 0]]))
    teacher = Output(logits=torch.tensor([[10.0, 0], [20.0, 0]]))
    total, parts = objective({"student": student, "teacher": teacher}, batch, torch.tensor([0, 2]))
    assert {name: float(value) for name, value in parts.items()} == {"task": 3.0, "teach": 15.0, "distil": 3.5}
    assert float(total) == 21.5
    total, parts = objective({"student": student}, batch, torch.tensor([], dtype=torch.int64))
    assert set(parts) == {"task"}


def test_places_taught_by_hand():
    assert places_taught(batch_of([True, False, True]), ()) is None
    assert places_taught(batch_of([True, True]), ("clinical",)) is None
    assert places_taught(batch_of([True]), ("clinical",)) is None  # a batch of one is what the recipe asked for
    assert places_taught(batch_of([True, False, True]), ("image", "clinical")).tolist() == [0, 2]
    assert places_taught(batch_of([True, False]), ("clinical",)).tolist() == []


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
def test_complete_subjects_are_dealt_evenly(subjects, with_teacher, counts):
    complete = np.arange(subjects) < with_teacher
    keys = epoch_keys(np.arange(subjects), batch_size=8, drop_last=False, seed=1, complete=complete)
    assert sorted(row for key in keys for row in key.rows) == list(range(subjects))
    assert [int(complete[key.rows].sum()) for key in keys] == counts
    assert [len(key.rows) for key in keys] == [
        len(key.rows) for key in epoch_keys(np.arange(subjects), batch_size=8, drop_last=False, seed=1)
    ]


def test_dealing_keeps_what_was_left_out():
    batches = [np.array([5, 1, 7]), np.array([0, 4, 2])]
    dealt = deal(batches, np.array([True, True, True, False, True, False, False, False]))
    assert [batch.tolist() for batch in dealt] == [[1, 0, 5], [4, 2, 7]]


def test_modality_dropout_withholds_at_its_rate_and_repeats_itself():
    size = 2000
    batch = batch_of([True] * size, clinical=torch.ones(size, 3))
    dropout = ModalityDropout(0.3, {"clinical": torch.tensor([7.0, 8.0, 9.0])})
    once, again, other = dropout(batch, 1), dropout(batch, 1), dropout(batch, 2)
    withheld = ~once.present["clinical"]
    assert float(withheld.float().mean()) == pytest.approx(0.3, abs=0.03)
    assert (once.inputs["clinical"][withheld] == torch.tensor([7.0, 8.0, 9.0])).all()
    assert (once.inputs["clinical"][~withheld] == 1).all()
    assert torch.equal(once.inputs["image"], batch.inputs["image"])
    assert torch.equal(once.present["clinical"], again.present["clinical"])
    assert not torch.equal(once.present["clinical"], other.present["clinical"])
    assert batch.present["clinical"].all()  # the batch that was given stays as it was


def test_modality_dropout_is_for_training(tmp_path, shared_cache, catalog):
    recipe = incomplete(missing={"use": "modality_dropout", "rate": 0.9})
    trainer = trainer_of(recipe, tmp_path, shared_cache, catalog)
    dropout = trainer.dropout()
    assert dropout.rate == 0.9
    assert set(dropout.stand_ins) == {"clinical"}
    batches = TrainingBatches(trainer.source, [], dropout)
    (key,) = epoch_keys(
        np.flatnonzero(trainer.source.cohort.present("clinical")), batch_size=30, drop_last=False, seed=0
    )
    assert 15 < int((~batches[key].present["clinical"]).sum()) <= 30
    assert torch.equal(batches[key].inputs["clinical"], batches[key].inputs["clinical"])
