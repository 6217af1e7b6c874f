"""Distiller: fit on arrays, predict with the student alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError

from estimator.small import SUBJECTS, blocks, phantom, unpickled, vectors
from xdistill import Distiller, Modalities
from xdistill.data.splitting import training_split
from xdistill.errors import UserError
from xdistill.interfaces import Callback, DistillationLoss
from xdistill.recipe.schema.crossval import Crossval

X, Y = vectors()
SCAN = {"scan": X["scan"]}


@pytest.fixture(scope="module")
def fitted():
    return Distiller(**blocks()).fit(X, Y)


def test_volumes_and_a_table_of_a_recipe_file():
    recipe, arrays, labels = phantom()
    distiller = Distiller(recipe).fit(arrays, labels)
    assert distiller.modalities_ == ("hbp", "pre")
    assert distiller.privileged_ == ("clinical",)
    assert not hasattr(distiller, "n_features_in_")
    images = {name: arrays[name] for name in ("hbp", "pre")}
    probabilities = distiller.predict_proba(images)
    assert probabilities.shape == (30, 3)
    assert np.allclose(probabilities.sum(axis=1), 1)
    assert np.array_equal(unpickled(distiller).predict_proba(images), probabilities)
    tensors = {name: torch.from_numpy(value) for name, value in images.items()}
    assert np.array_equal(distiller.predict_proba(tensors), probabilities)


def test_what_a_fitted_distiller_has(fitted):
    assert fitted.classes_.tolist() == ["benign", "malignant"]
    assert fitted.n_features_in_ == 4
    assert [(row["stage"], row["epoch"]) for row in fitted.history_] == [("joint", 1), ("joint", 2), ("joint", 3)]
    assert fitted.recipe_["optimizer"]["lr"] == 0.05
    assert not hasattr(fitted, "teacher_")
    assert fitted.student_.inputs == ("scan",)
    labels = fitted.predict(SCAN)
    assert labels.dtype == Y.dtype
    assert np.array_equal(labels, fitted.classes_[fitted.predict_proba(SCAN).argmax(axis=1)])
    assert fitted.score(SCAN, Y) == np.mean(labels == Y)


def test_the_student_learns():
    distiller = Distiller(**blocks(), overrides={"stages.joint.epochs": 30}).fit(X, Y)
    assert distiller.score(SCAN, Y) > 0.8


def test_the_teacher_is_kept_if_asked_for():
    distiller = Distiller(**blocks(), keep_teacher=True).fit(X, Y)
    assert distiller.teacher_.inputs == ("scan", "blood")
    distiller.set_params(keep_teacher=False).fit(X, Y)
    assert not hasattr(distiller, "teacher_")


def test_scikit_learn_s_rules():
    callback = Callback()
    distiller = Distiller(**blocks(), callbacks=[callback], plugins=[Constant], overrides={"optimizer.lr": 0.1})
    assert is_classifier(distiller)
    assert distiller.get_params()["student"]["hidden"] == [4]
    other = clone(distiller)
    assert other.get_params()["stages"] == distiller.get_params()["stages"]
    assert other.set_params(seed=7).seed == 7
    assert distiller.seed == 1
    assert unpickled(Distiller(**blocks())).get_params() == Distiller(**blocks()).get_params()


def test_same_inputs_and_seed_same_bits(fitted):
    torch.manual_seed(5)
    torch.rand(3)  # what was drawn before does not matter
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    again = Distiller(**blocks()).fit(X, Y)
    assert np.array_equal(again.predict_proba(SCAN), fitted.predict_proba(SCAN))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads
    other = Distiller(**blocks(seed=2)).fit(X, Y)
    assert not np.array_equal(other.predict_proba(SCAN), fitted.predict_proba(SCAN))
    assert np.array_equal(unpickled(fitted).predict_proba(SCAN), fitted.predict_proba(SCAN))


def test_no_gradient_outside_does_not_keep_it_from_training(fitted):
    with torch.no_grad():
        again = Distiller(**blocks()).fit(X, Y)
        assert not torch.is_grad_enabled()
    assert np.array_equal(again.predict_proba(SCAN), fitted.predict_proba(SCAN))


@pytest.mark.parametrize("labels", [np.arange(SUBJECTS) % 2 + 3, [f"b{place % 2}" for place in range(SUBJECTS)]])
def test_labels_of_any_type(labels):
    distiller = Distiller(**blocks()).fit(X, labels)
    assert set(distiller.predict(SCAN).tolist()) <= set(np.asarray(labels).tolist())
    assert distiller.predict(SCAN).dtype == np.asarray(labels).dtype


def test_privileged_values_do_not_reach_a_prediction(fitted):
    full = Modalities(X, privileged=["blood"])
    nothing = Modalities({**X, "blood": np.full_like(X["blood"], np.nan)}, privileged=["blood"])
    assert np.array_equal(fitted.predict_proba(full), fitted.predict_proba(nothing))
    assert np.array_equal(fitted.predict_proba(full), fitted.predict_proba(SCAN))
    assert fitted.score(nothing, Y) == fitted.score(SCAN, Y)


def test_a_subject_without_the_privileged_modality_is_skipped_where_the_recipe_says_so():
    some = {**X, "blood": X["blood"].copy()}
    some["blood"][:4] = np.nan
    imputed = Distiller(**blocks()).fit(some, Y)  # single missing values, which the transform fills in
    skipped = Distiller(**blocks(missing="skip")).fit(some, Y)
    assert skipped.history_[0]["taught"] == SUBJECTS - 4
    assert "taught" not in imputed.history_[0]


@pytest.mark.parametrize("use", ["distil", "leave_out"])
def test_subjects_without_a_label_train_the_student_alone_or_not_at_all(use):
    y, groups = Y.astype(object), [*range(SUBJECTS - 2), 0, 1]
    y[-4:] = None, np.nan, None, None
    found = Distiller(**blocks(unlabelled={"use": use}, validation=0.25)).fit(X, y, groups=groups)
    assert found.classes_.tolist() == ["benign", "malignant"]
    few, labels = {name: values[:-4] for name, values in X.items()}, Y[:-4]
    without = Distiller(**blocks(validation=0.25)).fit(few, labels, groups=groups[:-4])
    same = np.array_equal(found.predict_proba(SCAN), without.predict_proba(SCAN))
    assert same == (use == "leave_out")
    with pytest.raises(UserError, match="`y` has 4 missing values"):
        found.score(SCAN, y)


def test_a_share_is_kept_aside_to_choose_the_epoch():
    distiller = Distiller(**blocks(), validation=0.25).fit(X, Y)
    losses = [row["validation_log_loss"] for row in distiller.history_]
    assert len(losses) == 3
    assert all(loss > 0 for loss in losses)


def test_groups_are_kept_whole():
    """Six groups of four subjects, of both classes; a third of the groups is kept aside."""
    groups = [str(row // 4) for row in range(SUBJECTS)]
    subjects = [str(row) for row in range(SUBJECTS)]
    crossval = Crossval(validation=1 / 3, stratify=False)
    split = training_split(subjects, groups, np.arange(SUBJECTS) % 2, ("a", "b"), crossval)
    parts = [{groups[int(subject)] for subject in part} for part in (split.train, split.validation)]
    assert [len(part) for part in parts] == [4, 2]
    assert not parts[0] & parts[1]
    assert split.test == ()


class Counter(Callback):
    """Counts epochs."""

    name = "counter"

    def __init__(self) -> None:
        super().__init__()
        self.epochs: list[tuple[str, int]] = []

    def on_epoch_end(self, trainer, logs):
        self.epochs.append((trainer.name, trainer.epoch))
        logs["mine"] = 1.5


def test_callbacks_are_called_and_may_add_to_the_history():
    counter = Counter()
    distiller = Distiller(**blocks(), callbacks=[counter]).fit(X, Y)
    assert counter.epochs == [("joint", 1), ("joint", 2), ("joint", 3)]
    assert distiller.history_[-1]["mine"] == 1.5


class Constant(DistillationLoss):
    """A loss that is not installed."""

    name = "constant_for_tests"

    def forward(self, student, teacher, batch):
        return student.logits.sum() * 0 + 2.0


def test_components_that_are_not_installed():
    (stage,) = blocks()["stages"]
    stage = {**stage, "objective": [*stage["objective"], {"use": "constant_for_tests"}]}
    distiller = Distiller(**blocks(stages=[stage]), plugins=[Constant]).fit(X, Y)
    assert distiller.history_[0]["constant_for_tests"] == pytest.approx(2.0)


def test_overrides_as_texts_and_as_a_mapping_mean_the_same():
    texts = Distiller(**blocks(), overrides=["optimizer.lr=0.5", "stages.joint.epochs=1"]).fit(X, Y)
    mapping = Distiller(**blocks(), overrides={"optimizer.lr": 0.5, "stages.joint.epochs": 1}).fit(X, Y)
    assert texts.recipe_ == mapping.recipe_
    assert texts.recipe_["optimizer"]["lr"] == 0.5


def test_a_line_per_epoch(capsys):
    Distiller(**blocks(), verbose=True).fit(X, Y)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("joint, epoch 1: total ")


def test_prediction_before_fit():
    for method in ("predict", "predict_proba"):
        with pytest.raises(NotFittedError):
            getattr(Distiller(**blocks()), method)(SCAN)
    with pytest.raises(NotFittedError):
        Distiller(**blocks()).score(SCAN, Y)
