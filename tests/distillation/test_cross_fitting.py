"""Cross-fitting: no training subject is taught by a teacher that learned from it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

from crossval.missing_runs import fold_run, incomplete
from distillation.offline import LEARN, ONE_PHASE, TEACH, finished, offline, same, weights, wider
from xdistill.crossval.events import EpochEnded, FoldStarted
from xdistill.crossval.fold import make_context
from xdistill.crossval.fold_run import FoldRun
from xdistill.data import ArrayCohort, Split
from xdistill.distillation.cross_fitted import CrossFittedTeacher
from xdistill.errors import DataError, LeakError, RecipeError
from xdistill.estimator.dataset import Arrays
from xdistill.experiment.assemble import assemble
from xdistill.experiment.cross_fitting import inner_folds
from xdistill.recipe.load import as_loaded
from xdistill.training.checkpoint import Checkpointer
from xdistill.types import Batch, ModalitySpec, Output, Schema


@pytest.fixture(scope="module")
def cohorts(tmp_path_factory):
    """A cache of its own, since here it matters what is in it."""
    return tmp_path_factory.mktemp("cohorts")


CROSS_FIT = {"cross_fit": {"folds": 3}}
BOTH = {"x": ModalitySpec("vector", (3,)), "z": ModalitySpec("vector", (6,))}


class Constant(nn.Module):
    """A network whose logits are its number."""

    inputs = ("x",)

    def __init__(self, number):
        super().__init__()
        self.number = number

    def forward(self, batch):
        return Output(torch.full((len(batch), 2), float(self.number)), aux={"more": batch.inputs["x"]})


def batch_of(rows):
    values = torch.tensor(rows, dtype=torch.float32).reshape(-1, 1).repeat(1, 2)
    present = {"x": torch.ones(len(rows), dtype=torch.bool)}
    return Batch({"x": values}, present, tuple(map(str, rows)))


def test_each_subject_is_answered_by_the_network_of_its_inner_fold():
    folds = [np.array([0, 3]), np.array([1, 4]), np.array([2, 5])]
    teacher = CrossFittedTeacher([Constant(0), Constant(1), Constant(2)], folds, lambda ids: np.array([*map(int, ids)]))
    output = teacher(batch_of([5, 0, 4, 3]))
    assert output.logits[:, 0].tolist() == [2, 0, 1, 0]
    assert output.aux["more"][:, 0].tolist() == [5, 0, 4, 3]  # every subject's own, in the order of the batch
    with pytest.raises(LeakError, match="subject '7' is in no inner fold"):
        teacher(batch_of([0, 7]))


def cohort_of(targets, seed=0):
    """Vectors of noise, so that nothing can be learned but the labels by heart."""
    draw = np.random.default_rng(seed)
    values = {name: draw.normal(size=(len(targets), *spec.shape)) for name, spec in BOTH.items()}
    return ArrayCohort(Schema(BOTH, ("no", "yes")), values, np.asarray(targets))


def forest(stratify=True, folds=5):
    return {
        "name": "tests/forest",
        "data": {"use": "lupi", "setting": "clean_labels"},
        "privileged": ["z"],
        "teacher": {"use": "fitted", "inputs": ["x", "z"], "estimator": {"use": "random_forest", "trees": 20}},
        "student": {"use": "mlp", "inputs": ["x"], "hidden": []},
        "stages": [
            {"name": "forest", "fit": ["teacher.estimator"], "cross_fit": {"folds": folds}},
            {"name": "student", "train": ["student"], "epochs": 1, "objective": [{"use": "class_kl"}]},
        ],
        "crossval": {"stratify": stratify},
    }


def teacher_of(cohort, catalog, recipe):
    """The teacher on all training subjects, and the cross-fitted one, as probabilities of the second class."""
    experiment = assemble(as_loaded(recipe), catalog, dataset=Arrays(cohort.schema, cohort.targets))
    context = make_context(experiment, cohort, Split(0, 0, cohort.subjects, (), ()), "r0-f0")
    run = FoldRun(context)
    list(run.events())
    batch = context.source.batch(context.training, ("x", "z"), target=False)
    with torch.no_grad():
        return [
            network(batch).logits.softmax(dim=1)[:, 1].numpy()
            for network in (context.networks["teacher"], run.context.teacher)
        ]


def test_labels_that_are_noise_teach_nothing(catalog):
    targets = np.random.default_rng(1).integers(0, 2, size=200)
    plain, crossed = teacher_of(cohort_of(targets), catalog, forest())
    assert roc_auc_score(targets, plain) > 0.99  # learned by heart
    assert 0.4 < roc_auc_score(targets, crossed) < 0.6


def test_a_label_never_changes_what_its_own_subject_is_taught(catalog):
    targets = np.random.default_rng(2).integers(0, 2, size=60)
    _, before = teacher_of(cohort_of(targets), catalog, forest(stratify=False))
    changed = targets.copy()
    changed[7] = 1 - changed[7]
    _, after = teacher_of(cohort_of(changed), catalog, forest(stratify=False))
    assert before[7] == after[7]  # to the last bit, and so for the others of its inner fold
    assert (before != after).any()


def test_patients_are_kept_whole_and_classes_in_proportion():
    patients = [f"p{number // 2}" for number in range(40)]
    targets = [number // 2 % 2 for number in range(40)]
    cohort = SimpleNamespace(
        subjects=tuple(f"s{number}" for number in range(40)),
        patients=patients,
        targets=np.array(targets),
        schema=Schema(BOTH, ("no", "yes")),
        rows_of=lambda ids: np.array([int(name[1:]) for name in ids]),
    )
    rows = np.arange(40)[2:]
    folds = inner_folds(cohort, rows, folds=3, stratify=True, seed=5, where="fold r0-f0")
    assert sorted(np.concatenate(folds).tolist()) == rows.tolist()
    groups = [{patients[row] for row in fold} for fold in folds]
    assert sum(map(len, groups)) == len({*patients[2:]})
    assert all(4 <= sum(targets[row] for row in fold) <= 8 for fold in folds)
    with pytest.raises(
        DataError, match=r"cannot be cross-fitted in fold r0-f0: .* set `cross_fit.folds` to 9 or fewer"
    ):
        inner_folds(cohort, rows, folds=12, stratify=True, seed=5, where="fold r0-f0")


def test_the_student_learns_from_cross_fitted_logits_and_the_teacher_is_refitted(tmp_path, cohorts, catalog):
    plain, _ = finished(offline(), tmp_path / "plain", cohorts, catalog)
    crossed, told = finished(offline(teach=CROSS_FIT), tmp_path / "crossed", cohorts, catalog)
    first, second = weights(plain), weights(crossed)
    of = {role: [name for name in first if name.startswith(role)] for role in ("teacher", "student")}
    assert all(torch.equal(first[name], second[name]) for name in of["teacher"])
    assert any(not torch.equal(first[name], second[name]) for name in of["student"])
    assert [row["stage"] for row in crossed.progress.history] == ["teach", "teach (cross-fitting)", "learn"]
    assert [event.done for event in told if isinstance(event, EpochEnded)] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("after", [2, 4])
def test_an_interrupted_cross_fitting_continues_with_the_same_bits(tmp_path, cohorts, catalog, after):
    recipe = offline(teach={**CROSS_FIT, "epochs": 2}) | {"teacher_cache": {"use": "off"}}
    whole, _ = finished(recipe, tmp_path / "whole", cohorts, catalog)
    stopped = fold_run(recipe, tmp_path / "stopped", cohorts, catalog)
    for count, _ in enumerate(event for event in stopped.events() if isinstance(event, EpochEnded)):
        if count == 2 * after:
            break
    resumed, told = finished(recipe, tmp_path / "stopped", cohorts, catalog)
    assert same(weights(whole), weights(resumed))
    assert next(event.done for event in told if isinstance(event, FoldStarted)) > 0
    kept = [{name: value for name, value in row.items() if name != "seconds"} for row in resumed.progress.history]
    assert len(resumed.progress.reused) == len(set(resumed.progress.reused))
    assert kept == [{name: value for name, value in row.items() if name != "seconds"} for row in whole.progress.history]


def test_a_second_student_trains_no_teacher_again(tmp_path, tmp_path_factory, catalog):
    own = tmp_path_factory.mktemp("own")
    finished(offline(), tmp_path / "plain", own, catalog)
    first, _ = finished(offline(teach=CROSS_FIT), tmp_path / "first", own, catalog)
    second, _ = finished(offline(teach=CROSS_FIT, student=wider("student")), tmp_path / "second", own, catalog)
    assert first.progress.reused == ["teach"]  # of the run without cross-fitting
    assert second.progress.reused == ["teach", *(f"teach, inner fold {number}" for number in range(3))]


def test_subjects_without_the_privileged_modality_are_in_no_inner_fold(tmp_path, cohorts, catalog):
    stages = [{**TEACH, **CROSS_FIT}, LEARN]
    run, _ = finished(incomplete(**ONE_PHASE, stages=stages, missing="skip"), tmp_path, cohorts, catalog)
    taught = set(run.context.rows_of("teacher").tolist())
    assert set(run.context.cross_fitted._fold_of) == taught
    assert len(taught) < len(run.context.training)


WRONG = {
    "with the student": (
        [
            {
                **TEACH,
                "train": ["teacher", "student"],
                "objective": [*TEACH["objective"], *LEARN["objective"]],
                **CROSS_FIT,
            }
        ],
        "stages.0.cross_fit: stage `teach` does not train the teacher alone",
    ),
    "trained again": (
        [{**TEACH, **CROSS_FIT}, {**TEACH, "name": "more"}, LEARN],
        "the teacher is trained again in stage `more`; put `cross_fit` there",
    ),
    "of no use": (
        [{**TEACH, **CROSS_FIT}, {**LEARN, "objective": [{"use": "focal"}]}],
        "no later stage has a distillation loss",
    ),
    "features": (
        [{**TEACH, **CROSS_FIT}, {**LEARN, "objective": [{"use": "feature_kl", "taps": ["hbp"]}]}],
        "`feature_kl` compares features, and those of cross-fitted teachers have no common coordinates",
    ),
    "one fold": ([{**TEACH, "cross_fit": {"folds": 1}}, LEARN], "greater than or equal to 2"),
}


@pytest.mark.parametrize(("stages", "message"), WRONG.values(), ids=WRONG)
def test_a_recipe_that_cannot_be_cross_fitted_is_refused(catalog, stages, message):
    with pytest.raises(RecipeError) as caught:
        assemble(as_loaded(offline(stages=stages)), catalog)
    assert message in str(caught.value)


def test_a_dump_without_cross_fitting_is_as_before(catalog):
    plain = assemble(as_loaded(offline()), catalog)
    crossed = assemble(as_loaded(offline(teach=CROSS_FIT)), catalog)
    assert "cross_fit" not in plain.resolved()["stages"][0]
    assert crossed.resolved()["stages"][0]["cross_fit"] == {"folds": 3}
    assert assemble(as_loaded(crossed.resolved()), catalog).resolved() == crossed.resolved()
    assert crossed.epochs == plain.epochs + 3


def test_a_checkpoint_of_an_inner_fold_belongs_to_the_run(tmp_path):
    checkpointer = Checkpointer(tmp_path / "checkpoint.pt", "one")
    context = SimpleNamespace(networks={}, fabric=None)
    inner = FoldRun(context, checkpointer)._inner_checkpointer("r0-f0-inner1")
    assert (inner.path, inner.identity) == (tmp_path / "r0-f0-inner1.pt", "one")
