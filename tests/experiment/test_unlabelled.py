"""Labels that are withheld from training: nothing learns from them, and the teacher teaches in their place."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from distillation.test_cross_fitting import BOTH, cohort_of
from xdistill.crossval.fold import make_context
from xdistill.crossval.fold_run import FoldRun
from xdistill.data import ArrayCohort, Split
from xdistill.distillation.cross_fitted import with_unlabelled
from xdistill.errors import RecipeError
from xdistill.estimator.dataset import Arrays
from xdistill.experiment.assemble import assemble
from xdistill.experiment.unlabelled import labelled_subjects
from xdistill.recipe.load import as_loaded
from xdistill.training.objective import Objective, Term
from xdistill.types import Batch, Output, Schema

HALF = {"fraction": 0.5}


def recipe(student, cross_fit=None, **changes):
    teacher = {
        "name": "teacher",
        "train": ["teacher"],
        "epochs": 2,
        "objective": [{"use": "cross_entropy", "on": "teacher"}],
    }
    return {
        "name": "tests/unlabelled",
        "data": {"use": "lupi", "setting": "clean_labels"},
        "teacher": {"use": "mlp", "inputs": ["x", "z"], "hidden": []},
        "student": {"use": "mlp", "inputs": ["x"], "hidden": []},
        "stages": [
            {**teacher, **({"cross_fit": cross_fit} if cross_fit else {})},
            {"name": "student", "train": ["student"], "epochs": 2, "objective": student},
        ],
        "loader": {"batch_size": 8},
        "unlabelled": HALF,
        **changes,
    }


BOTH_TERMS = [{"use": "cross_entropy", "on": "student"}, {"use": "class_kl"}]


def run_of(cohort, catalog, **given):
    experiment = assemble(as_loaded(recipe(**given)), catalog, dataset=Arrays(cohort.schema, cohort.targets))
    run = FoldRun(make_context(experiment, cohort, Split(0, 0, cohort.subjects, (), ()), "r0-f0"))
    list(run.events())
    return run


def weights(run):
    return [value for network in run.context.networks.values() for value in network.state_dict().values()]


@pytest.mark.parametrize("cross_fit", [None, {"folds": 2}])
def test_a_withheld_label_changes_nothing(catalog, monkeypatch, cross_fit):
    targets = np.arange(24) % 2
    known = np.arange(24) % 3 != 0
    monkeypatch.setattr("xdistill.crossval.fold.labelled_subjects", lambda *_: known)
    first = run_of(cohort_of(targets), catalog, student=BOTH_TERMS, cross_fit=cross_fit)
    other = run_of(cohort_of(np.where(known, targets, 1 - targets)), catalog, student=BOTH_TERMS, cross_fit=cross_fit)
    assert all(torch.equal(one, two) for one, two in zip(weights(first), weights(other), strict=True))
    third = run_of(cohort_of(np.where(known, 1 - targets, targets)), catalog, student=BOTH_TERMS, cross_fit=cross_fit)
    assert not all(torch.equal(one, two) for one, two in zip(weights(first), weights(third), strict=True))
    assert (first.context.source.batch(np.arange(24), ("x",), target=True).target[~known] == -1).all()


def test_unlabelled_subjects_are_taught_by_the_teacher_that_learned_from_all_others(catalog):
    run = run_of(cohort_of(np.arange(24) % 2), catalog, student=BOTH_TERMS, cross_fit={"folds": 2})
    unlabelled = np.flatnonzero(~run.context.labelled)
    batch = run.context.source.batch(unlabelled, ("x", "z"), target=False)
    assert len(unlabelled) == 12
    assert torch.equal(run.context.teacher(batch).logits, run.context.networks["teacher"](batch).logits)


def test_no_teacher_teaches_a_patient_that_it_learned_from():
    folds = [np.array([0, 3]), np.array([1, 2])]
    patients = ["a", "b", "b", "c", "b", "d", "a"]
    found = with_unlabelled(folds, np.array([4, 5, 6]), patients)
    assert [rows.tolist() for rows in found] == [[0, 3, 6], [1, 2, 4], [5]]


def test_stages_see_the_subjects_that_they_can_use(catalog):
    run = run_of(cohort_of(np.arange(24) % 2), catalog, student=BOTH_TERMS)
    assert run.context.facts.class_counts == (6, 6)
    alone = run_of(cohort_of(np.arange(24) % 2), catalog, student=[{"use": "cross_entropy", "on": "student"}])
    distilled = run_of(cohort_of(np.arange(24) % 2), catalog, student=[{"use": "class_kl"}])
    seen = [len(one.context.labelled_rows_of("student")) for one in (alone, distilled)]
    assert seen == [12, 12]
    assert len(distilled.context.rows_of("student")) == 24


def test_a_task_loss_is_the_mean_over_labelled_subjects():
    term = Term(torch.nn.Identity(), label="a", on="student")
    term.loss.forward = lambda output, batch: (output.logits[:, 0] * batch.target).mean()
    shared = Term(torch.nn.Identity(), label="b")
    shared.loss.forward = lambda student, teacher, _: (student.logits - teacher.logits)[:, 0].sum()
    objective = Objective([term, shared])
    labelled = torch.tensor([True, False, True, False])
    batch = Batch({}, {}, ("a", "b", "c", "d"), torch.tensor([1, -1, 3, -1]), labelled)
    outputs = {"student": Output(torch.tensor([[2.0], [9.0], [4.0], [1.0]])), "teacher": Output(torch.ones(4, 1))}
    values = objective(outputs, batch)
    assert {name: float(value) for name, value in values.items()} == {"a": 7.0, "b": 12.0}  # (2*1 + 4*3) / 2
    assert objective.sizes(values, batch) == {"a": 2, "b": 4}
    nobody = Batch({}, {}, batch.subjects, torch.full((4,), -1), torch.zeros(4, dtype=torch.bool))
    assert list(objective(outputs, nobody)) == ["b"]
    assert float(objective.total({}).detach()) == 0


def test_labels_are_withheld_in_each_class_alike_and_patients_are_kept_whole():
    patients = tuple(f"p{number // 2}" for number in range(40))
    cohort = SimpleNamespace(
        subjects=tuple(f"s{number}" for number in range(40)),
        patients=patients,
        targets=np.array([int(number < 8) for number in range(40)]),
        schema=Schema(BOTH, ("no", "yes")),
        labelled=np.ones(40, dtype=bool),
        rows_of=lambda ids: np.array([int(name[1:]) for name in ids]),
    )
    split = Split(0, 0, cohort.subjects[:36], (), cohort.subjects[36:])
    labelled = labelled_subjects(_experiment(0.5), cohort, split)
    assert labelled[36:].all()  # test subjects have theirs
    assert all(labelled[2 * number] == labelled[2 * number + 1] for number in range(20))
    assert (labelled[:8].sum(), labelled[8:36].sum()) == (4, 14)
    assert (labelled_subjects(_experiment(0.5, seed=1), cohort, split) != labelled).any()
    few = Split(0, 0, cohort.subjects[:10], (), ())
    assert labelled_subjects(_experiment(0.9), cohort, few)[:8].sum() == 2


def _experiment(fraction, seed=0):
    return SimpleNamespace(recipe=SimpleNamespace(unlabelled=SimpleNamespace(fraction=fraction, seed=seed)))


def test_a_loss_that_needs_labels_is_refused(catalog):
    wrong = recipe([{"use": "generalized", "imitation": 0.5}])
    with pytest.raises(RecipeError, match="`generalized` uses the label of each subject, and `unlabelled` withholds"):
        assemble(as_loaded(wrong), catalog, dataset=Arrays(Schema(BOTH, ("no", "yes")), np.arange(4) % 2))


def test_recipes_without_the_field_are_dumped_as_before():
    plain = {name: value for name, value in recipe(BOTH_TERMS).items() if name != "unlabelled"}
    assert "unlabelled" not in as_loaded(plain).recipe.model_dump(mode="json")
    assert as_loaded(recipe(BOTH_TERMS)).recipe.model_dump(mode="json")["unlabelled"] == {"fraction": 0.5, "seed": 0}
    left_out = as_loaded(recipe(BOTH_TERMS, unlabelled={"use": "leave_out"})).recipe.model_dump(mode="json")
    assert left_out["unlabelled"] == {"use": "leave_out", "fraction": 0.0, "seed": 0}


class Partly(Arrays):
    """Subjects in memory, some of them without a label."""

    def __init__(self, cohort):
        super().__init__(cohort.schema, cohort.targets)
        self.labelled = cohort.labelled

    def index(self):
        rows = zip(super().index(), self.labelled, strict=True)
        return [row if known else replace(row, target=None) for row, known in rows]


KNOWN = np.arange(24) % 3 != 0


def trained_on(cohort, catalog, subjects=None, **given):
    """A run on all subjects, or some, of a cohort."""
    experiment = assemble(as_loaded(recipe(**{"unlabelled": None, **given})), catalog, dataset=Partly(cohort))
    split = Split(0, 0, cohort.subjects if subjects is None else subjects, (), ())
    run = FoldRun(make_context(experiment, cohort, split, "r0-f0"))
    list(run.events())
    return run


def partly(change=0.0):
    """Subjects of which a third has no label; the inputs of these differ by a change."""
    cohort = cohort_of(np.arange(24) % 2)
    values = {name: cohort.values(name, np.arange(24)) for name in BOTH}
    values["x"][~KNOWN] += change
    return ArrayCohort(cohort.schema, values, np.where(KNOWN, cohort.targets, -1), labelled=KNOWN)


def parts(run, role):
    return torch.cat([value.flatten() for value in run.context.networks[role].state_dict().values()])


@pytest.mark.parametrize("cross_fit", [None, {"folds": 2}])
def test_a_label_that_is_missing_is_like_one_that_is_withheld(catalog, monkeypatch, cross_fit):
    missing = trained_on(partly(), catalog, student=BOTH_TERMS, cross_fit=cross_fit)
    other = trained_on(partly(change=1.0), catalog, student=BOTH_TERMS, cross_fit=cross_fit)
    assert torch.equal(parts(missing, "teacher"), parts(other, "teacher"))  # which never sees these subjects
    assert not torch.equal(parts(missing, "student"), parts(other, "student"))
    monkeypatch.setattr("xdistill.crossval.fold.labelled_subjects", lambda *_: KNOWN)
    withheld = run_of(cohort_of(np.arange(24) % 2), catalog, student=BOTH_TERMS, cross_fit=cross_fit)
    assert all(torch.equal(one, two) for one, two in zip(weights(missing), weights(withheld), strict=True))


def test_left_out_they_change_nothing(catalog):
    left_out = {"student": BOTH_TERMS, "unlabelled": {"use": "leave_out"}}
    cohort = partly()
    known = tuple(np.array(cohort.subjects)[KNOWN])
    with_them, without = trained_on(cohort, catalog, **left_out), trained_on(cohort, catalog, known, **left_out)
    assert all(torch.equal(one, two) for one, two in zip(weights(with_them), weights(without), strict=True))


def test_a_recipe_that_does_not_teach_them_is_refused(catalog):
    def assembled(**given):
        return assemble(as_loaded(recipe(**{"unlabelled": None, **given})), catalog, dataset=Partly(partly()))

    alone = [{"use": "cross_entropy", "on": "student"}]
    with pytest.raises(RecipeError, match="8 of 24 subjects have no label, and nothing in the recipe teaches them"):
        assembled(student=alone)
    with pytest.raises(RecipeError, match="`generalized` uses the label of each subject, and 8 subjects have none"):
        assembled(student=[{"use": "generalized", "imitation": 0.5}])
    assembled(student=alone, unlabelled={"use": "leave_out"})


def test_what_is_withheld_is_drawn_from_those_with_a_label(catalog):
    cohort = partly()
    experiment = assemble(as_loaded(recipe(BOTH_TERMS)), catalog, dataset=Partly(cohort))
    labelled = labelled_subjects(experiment, cohort, Split(0, 0, cohort.subjects, (), ()))
    assert (labelled.sum(), labelled[~KNOWN].sum()) == (8, 0)  # half of 16
