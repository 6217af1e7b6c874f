"""Subjects who lack what only the teacher reads."""

import csv

import numpy as np
import pytest
import torch

from crossval.missing_runs import IMAGE_ONLY, SUBJECTS, first_fold, fold_run, incomplete, prepared
from tiny import tiny
from xdistill.crossval.gradient_stage import _keys, _objective, _specs
from xdistill.errors import DataError
from xdistill.experiment.missing import ModalityDropout, training_subjects
from xdistill.training.loader import TrainingBatches, epoch_keys
from xdistill.types import Batch


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
    fold = fold_run(incomplete(missing="leave_out"), tmp_path, shared_cache, catalog)
    names = [fold.context.source.cohort.subjects[row] for row in fold.context.training]
    assert len(names) == 20
    assert complete(names) == set(names)
    assert fold.context.required == ()
    assert sum(fold.context.facts.class_counts) == 20
    found = scored(first_fold(incomplete(missing="leave_out"), tmp_path, shared_cache, catalog))
    assert len(found["student"]) == 25
    assert found["teacher"] == complete(found["student"])


def test_impute_fills_vectors_as_if_all_were_missing(tmp_path, shared_cache, catalog):
    fold = fold_run(incomplete(missing="impute"), tmp_path, shared_cache, catalog)
    source = fold.context.source
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
    augmentations = [choice.build(modalities=modalities) for choice in fold.context.experiment.augment]
    assert augmentations
    augmented = TrainingBatches(source, augmentations)[key]
    assert torch.equal(augmented.inputs["clinical"][0], torch.from_numpy(everything_missing[0]))


def test_skipped_subjects_hold_zeros(tmp_path, shared_cache, catalog):
    source = fold_run(incomplete(missing="skip"), tmp_path, shared_cache, catalog).context.source
    absent = np.flatnonzero(~source.cohort.present("clinical"))
    assert not source.batch(absent[:3], ["clinical"], target=False).inputs["clinical"].any()


def test_a_teacher_alone_goes_over_complete_subjects_alone(tmp_path, shared_cache, catalog):
    stages = [
        {"name": "teacher", "train": ["teacher"], "epochs": 1, "objective": [{"use": "focal", "on": "teacher"}]},
        {"name": "student", "train": ["student"], "epochs": 1, "objective": [{"use": "focal"}, {"use": "class_kl"}]},
        {"name": "copy", "train": ["student"], "epochs": 1, "objective": [{"use": "class_kl"}]},
    ]
    fold = fold_run(incomplete(missing="skip", stages=stages), tmp_path, shared_cache, catalog)
    context, sizes = fold.context, []
    for stage in fold.context.experiment.schedule:
        keys = _keys(context, stage, _objective(context, stage, stage.terms, _specs(context)))
        sizes.append(sum(len(key.rows) for key in keys[0]))
    assert sizes == [20, 50, 20]
    assert sum(fold.context.facts_of("teacher").class_counts) == 20
    assert sum(fold.context.facts_of("student").class_counts) == 50


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
    fold = fold_run(recipe, tmp_path, shared_cache, catalog)
    dropout = fold.context.dropout()
    assert dropout.rate == 0.9
    assert set(dropout.placeholders) == {"clinical"}
    batches = TrainingBatches(fold.context.source, [], dropout)
    (key,) = epoch_keys(
        np.flatnonzero(fold.context.source.cohort.present("clinical")), batch_size=30, drop_last=False, seed=0
    )
    assert 15 < int((~batches[key].present["clinical"]).sum()) <= 30
    assert torch.equal(batches[key].inputs["clinical"], batches[key].inputs["clinical"])
