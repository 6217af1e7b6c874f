"""The outputs of a frozen teacher are computed once if its inputs never change, and the student learns the same."""

import shutil
from dataclasses import replace

import pytest
import torch
from torch import nn

from crossval.missing_runs import fold_run, incomplete, payload_of, prepared
from distillation.offline import LEARN, ONE_PHASE, TEACH, finished, offline, same, weights
from tiny import tiny
from xdistill.crossval.fold import _prepared
from xdistill.crossval.gradient_stage import build_trainer
from xdistill.distillation.frozen_teacher import MEMORY_MB, FrozenTeacher, fits_memory
from xdistill.distillation.teacher_cache.store import FOLDER
from xdistill.training.checkpoint import Checkpointer
from xdistill.types import Output, OutputSpec

OFF = {"teacher_cache": {"use": "off"}}
TWO = {"epochs": 2}
BATCHES = 3  # of an epoch: 20 training subjects in batches of 8
CHUNKS = 2  # for 20 subjects at once: all of them, and some again to see that they do not influence each other


@pytest.fixture(scope="module")
def cohorts(tmp_path_factory):
    """A cache of its own, since here it matters what is in it."""
    return tmp_path_factory.mktemp("cohorts")


@pytest.fixture
def empty(cohorts):
    """The same, with no teacher in it yet."""
    shutil.rmtree(cohorts / FOLDER, ignore_errors=True)
    return cohorts


def counted(recipe, folder, cache, catalog):
    """A finished fold, and how often the teacher was called in the student's stage."""
    fold = fold_run(recipe, folder, cache, catalog)
    calls = []
    before = TEACH["epochs"]
    fold.context.networks["teacher"].register_forward_hook(
        lambda *_: calls.append(1) if len(fold.progress.history) >= before else None
    )
    list(fold.events())
    return fold, len(calls) - 1  # once to find the shapes of its outputs


def without_memory(recipe, folder, cache, catalog):
    """The same fold with a teacher that is called for every batch."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("xdistill.distillation.frozen_teacher.MEMORY_MB", 0)
        return counted(recipe, folder, cache, catalog)


def near(first, second):
    """Whether two folds have the same weights up to rounding: subjects were batched differently."""
    theirs = weights(second)
    return all(torch.allclose(value.float(), theirs[name].float(), atol=1e-4) for name, value in weights(first).items())


def test_with_augmentation_the_teacher_is_called_for_every_batch(tmp_path, empty, catalog):
    _, calls = counted(offline(learn=TWO, **OFF), tmp_path, empty, catalog)
    assert calls == 2 * BATCHES


def test_without_augmentation_it_is_called_once_for_each_subject(tmp_path, empty, catalog, monkeypatch):
    monkeypatch.setattr(Checkpointer, "due", lambda _self: True)
    recipe = offline(learn=TWO, augment=[], **OFF)
    plain, calls = counted(recipe, tmp_path / "plain", empty, catalog)
    assert calls == CHUNKS
    streamed = {**recipe, "loader": {"batch_size": 8, "workers": 1, "memory_mb": 1}}
    helped, _ = counted(streamed, tmp_path / "helped", empty, catalog)
    broken = fold_run(recipe, tmp_path / "broken", empty, catalog)
    events = broken.events()
    while len(broken.progress.history) < 2:
        next(events)
    events.close()
    resumed, _ = finished(recipe, tmp_path / "broken", empty, catalog)
    for other in (helped, resumed):
        assert same(weights(plain), weights(other))
    every, calls = without_memory(recipe, tmp_path / "every", empty, catalog)
    assert calls == 2 * BATCHES
    assert near(plain, every)


@pytest.mark.parametrize(("missing", "remembers"), [("skip", True), ("impute", True), ("modality_dropout", False)])
def test_missing_modalities(missing, remembers, tmp_path, empty, catalog):
    use = {"use": missing, "rate": 0.5} if missing == "modality_dropout" else missing
    recipe = incomplete(**ONE_PHASE, stages=[TEACH, LEARN], missing=use, augment=[], **OFF)
    fold, calls = counted(recipe, tmp_path / "once", empty, catalog)
    every, calls_of_every = without_memory(recipe, tmp_path / "every", empty, catalog)
    assert near(fold, every)
    assert (calls < calls_of_every) == remembers
    assert remembers or same(weights(fold), weights(every))


@pytest.mark.parametrize("augment", [[], tiny()["augment"]])
def test_half_precision_diagnostics_and_a_chosen_epoch(augment, tmp_path, empty, catalog):
    recipe = tiny(
        stages=[TEACH, {**LEARN, "objective": [{"use": "focal"}, {"use": "feature_kl", "taps": ["hbp", "pre"]}]}],
        augment=augment,
        compute={"precision": "bf16-mixed"},
        diagnostics=True,
        crossval={"folds": 3, "validation": 0.2},
    )
    plain, _ = finished({**recipe, **OFF}, tmp_path / "plain", empty, catalog)
    for name in ("first", "second"):
        fold, _ = finished(recipe, tmp_path / name, empty, catalog)
        assert same(weights(plain), weights(fold))
        for row, expected in zip(fold.progress.history, plain.progress.history, strict=True):
            assert {**row, "seconds": 0} == {**expected, "seconds": 0}
    assert fold.progress.reused == ["teach"]
    assert "diagnostic.agreement" in fold.progress.history[-1]


@pytest.mark.parametrize("control", ["shuffled_privileged", "constant_teacher"])
def test_controls(control, tmp_path, empty, catalog):
    recipe = offline(learn={"objective": [{"use": "focal"}, {"use": "class_kl", "detach_teacher": False}]})
    finished(recipe, tmp_path / "recipe", empty, catalog)
    controlled = {**recipe, "control": control}
    plain, _ = finished({**controlled, **OFF}, tmp_path / "plain", empty, catalog)
    for name in ("first", "second"):
        fold, _ = finished(controlled, tmp_path / name, empty, catalog)
        assert same(weights(plain), weights(fold))


def test_no_split_ever_reads_what_another_left(tmp_path, empty, catalog):
    """Even with the very same weights: all that differs is which subjects are tested."""

    def teachers():
        return list((empty / FOLDER / "teachers").iterdir())

    run = prepared(offline(), tmp_path / "run", empty, catalog)
    folds = [_prepared(payload_of(run, number), run.folder, f"r0-f{number}")[0] for number in range(3)]
    list(folds[0].events())
    assert len(teachers()) == 1
    for number, fold in enumerate(folds[1:], start=2):
        assert fold.cache.about["split"] != folds[0].cache.about["split"]
        list(fold.events())
        assert fold.progress.reused == []
        assert len(teachers()) == number
    same_rows = fold_run(offline(), tmp_path / "moved", empty, catalog)
    same_rows.cache.about = {**same_rows.cache.about, "split": folds[1].cache.about["split"]}
    list(same_rows.events())  # trained on the same subjects, tested on others
    assert same_rows.progress.reused == []
    assert len(teachers()) == 4


class Odd(nn.Module):
    """A teacher whose output is random, or depends on the rest of the batch."""

    inputs = ("clinical",)

    def __init__(self, how):
        super().__init__()
        self.how = how

    def forward(self, batch):
        value = batch.inputs["clinical"][:, :3]
        if self.how == "random":
            value = value + torch.randn(value.shape)
        if self.how == "company":
            value = value - value.mean(dim=0)
        return Output(logits=value)


def taught_by(odd, recipe, folder, cache, catalog):
    """The weights of a student whose teacher, once trained, is replaced."""
    fold = fold_run(recipe, folder, cache, catalog)
    events = fold.events()
    while len(fold.progress.history) < TEACH["epochs"]:
        next(events)
    fold.context.networks["teacher"].forward = odd.forward
    list(events)
    return {name: value.clone() for name, value in fold.context.networks["student"].state_dict().items()}


@pytest.mark.parametrize("how", ["random", "company"])
def test_teachers_without_one_output_per_subject_are_called_for_every_batch(how, tmp_path, empty, catalog):
    recipe = offline(learn=TWO, augment=[], **OFF)
    found = taught_by(Odd(how), recipe, tmp_path / "found", empty, catalog)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("xdistill.distillation.frozen_teacher.MEMORY_MB", 0)
        assert same(taught_by(Odd(how), recipe, tmp_path / "every", empty, catalog), found)


def teacher_of(fold, stage=1, **changes):
    """What is in the teacher's place while a stage is trained."""
    plan = replace(fold.context.experiment.schedule[stage], **changes)
    return build_trainer(fold.context, plan)[1].model.networks["teacher"]


def test_only_a_frozen_teacher_with_constant_inputs_is_replaced(tmp_path, empty, catalog):
    fold = fold_run(offline(augment=[]), tmp_path / "constant", empty, catalog)
    teacher = fold.context.networks["teacher"]
    assert teacher_of(fold, stage=0) is teacher
    assert isinstance(teacher_of(fold), FrozenTeacher)
    assert teacher_of(fold).network is teacher
    assert teacher_of(fold, train=("student", "teacher.head")) is teacher
    augmented = fold_run(offline(), tmp_path / "augmented", empty, catalog)
    assert teacher_of(augmented) is augmented.context.networks["teacher"]


def test_a_loss_that_differentiates_the_teacher_gets_the_network(tmp_path, empty, catalog):
    fold = fold_run(offline(augment=[]), tmp_path, empty, catalog)
    loss = fold.context.experiment.schedule[1].terms[1].choice.component
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loss, "needs_grad", True, raising=False)
        assert teacher_of(fold) is fold.context.networks["teacher"]


def test_what_fits_into_memory():
    # 3 logits, 3 auxiliary logits and a tap of 2 x 5 numbers: 16 numbers of 4 bytes.
    spec = OutputSpec(outputs=3, features={"tap": (2, 5)}, aux=("aux",))
    most = MEMORY_MB * 2**20 // 64
    assert fits_memory(spec, most)
    assert not fits_memory(spec, most + 1)
