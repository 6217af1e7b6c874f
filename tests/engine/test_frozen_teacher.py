"""What a frozen teacher said is remembered, and nothing that is learned from it changes by a bit."""

import errno
import shutil
from pathlib import Path

import h5py
import pytest
import torch
from torch import nn

from engine.missing_runs import incomplete, payload_of, prepared, trainer_of
from engine.offline import LEARN, ONE_PHASE, TEACH, finished, offline, same, weights, wider
from tiny import tiny
from xdistill.crossval.events import EpochEnded, TeacherCacheFailed
from xdistill.crossval.fold import _trainer
from xdistill.distillation.frozen_teacher import RememberingTeacher
from xdistill.distillation.teacher_cache.store import FOLDER
from xdistill.training.checkpoint import Checkpointer
from xdistill.types import Batch, Output

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
    """The same, with nothing kept in it yet."""
    shutil.rmtree(cohorts / FOLDER, ignore_errors=True)
    return cohorts


def counted(recipe, folder, cache, catalog, stage="learn"):
    """A finished trainer, its events, and how often the teacher was computed with in a stage."""
    trainer = trainer_of(recipe, folder, cache, catalog)
    calls = []
    before_stage = sum(part["epochs"] for part in recipe["stages"] if part["name"] != stage)
    trainer.networks["teacher"].register_forward_hook(
        lambda *_: calls.append(1) if len(trainer.history) >= before_stage else None
    )
    events = list(trainer.run())
    return trainer, events, len(calls) - 1  # once the shapes of its outputs are found out


def kept(cache):
    return sorted((cache / FOLDER / "outputs").rglob("*.h5"))


@pytest.fixture(scope="module")
def plain(tmp_path_factory, cohorts, catalog):
    """Two epochs with a student, nothing kept."""
    trainer, _, calls = counted(offline(learn=TWO, **OFF), tmp_path_factory.mktemp("plain"), cohorts, catalog)
    assert calls == 2 * BATCHES
    return trainer


def test_with_augmentation_a_second_student_computes_no_teacher(plain, tmp_path, empty, catalog):
    first, _, calls = counted(offline(learn=TWO), tmp_path / "first", empty, catalog)
    assert calls == 2 * BATCHES
    assert len(kept(empty)) == 2
    assert same(weights(plain), weights(first))
    second, _, calls = counted(offline(learn=TWO), tmp_path / "second", empty, catalog)
    assert calls == 0
    assert same(weights(plain), weights(second))
    assert [row["total"] for row in second.history] == [row["total"] for row in plain.history]
    other = offline(student=wider("student"), learn={"epochs": 3, "optimizer": {"lr": 0.01}})
    third, _, calls = counted(other, tmp_path / "third", empty, catalog)
    assert calls == BATCHES  # those of the third epoch
    anew, _, _ = counted({**other, **OFF}, tmp_path / "anew", empty, catalog)
    assert same(weights(anew), weights(third))


def test_who_wants_more_of_the_teacher_computes_it_and_keeps_that_too(tmp_path, empty, catalog):
    finished(offline(), tmp_path / "logits", empty, catalog)
    (file,) = kept(empty)
    small = file.stat().st_size
    taps = offline(learn={"objective": [{"use": "focal"}, {"use": "feature_kl", "taps": ["hbp"]}]})
    first, _, calls = counted(taps, tmp_path / "taps", empty, catalog)
    assert calls == BATCHES
    assert kept(empty) == [file]
    assert file.stat().st_size > small
    second, _, calls = counted(taps, tmp_path / "again", empty, catalog)
    assert calls == 0
    _, _, calls = counted(offline(), tmp_path / "logits again", empty, catalog)
    assert calls == 0
    anew, _, _ = counted({**taps, **OFF}, tmp_path / "anew", empty, catalog)
    assert same(weights(anew), weights(first))
    assert same(weights(anew), weights(second))


def test_without_augmentation_each_subject_is_asked_about_once(tmp_path, empty, catalog, monkeypatch):
    monkeypatch.setattr(Checkpointer, "due", lambda _self: True)
    recipe = offline(learn={"epochs": 2}, augment=[])
    plain, _, calls = counted({**recipe, **OFF}, tmp_path / "plain", empty, catalog)
    assert calls == CHUNKS
    first, _, calls = counted(recipe, tmp_path / "first", empty, catalog)
    assert calls == CHUNKS
    assert len(kept(empty)) == 1
    second, _, calls = counted(recipe, tmp_path / "second", empty, catalog)
    assert calls == 0
    streamed = {**recipe, "loader": {"batch_size": 8, "workers": 1, "memory_mb": 1}, **OFF}
    helped, _, _ = counted(streamed, tmp_path / "helped", empty, catalog)
    broken = trainer_of({**recipe, **OFF}, tmp_path / "broken", empty, catalog)
    events = broken.run()
    while len(broken.history) < 2:
        next(events)
    events.close()
    resumed, _ = finished({**recipe, **OFF}, tmp_path / "broken", empty, catalog)
    for other in (first, second, helped, resumed):
        assert same(weights(plain), weights(other))


@pytest.mark.parametrize(
    ("changes", "first_time"),
    [
        ({}, {"hbp", "pre", "clinical"}),
        ({"augment": []}, {"hbp"}),
        ({"loader": {"batch_size": 8, "prefetch": True}}, {"hbp", "pre", "clinical"}),
    ],
    ids=["augmented", "plain", "ahead"],
)
def test_what_only_the_teacher_reads_is_not_loaded_for_batches(changes, first_time, tmp_path, empty, catalog):
    recipe = offline(teacher=tiny()["teacher"], **changes)
    plain, _ = finished({**recipe, **OFF}, tmp_path / "plain", empty, catalog)
    for name, expected in (("first", first_time), ("second", {"hbp"})):
        trainer = trainer_of(recipe, tmp_path / name, empty, catalog)
        batch, loaded = trainer.source.batch, set()

        def watched(rows, modalities, *, target, unread=(), batch=batch, loaded=loaded):
            if target:  # else networks are asked about subjects outside of training
                loaded.update(set(modalities) - set(unread))
            return batch(rows, modalities, target=target, unread=unread)

        for event in trainer.run():
            if isinstance(event, EpochEnded) and event.stage == "teach":
                trainer.source.batch = watched
        assert same(weights(plain), weights(trainer))
        assert loaded == expected


def test_a_loss_that_reads_inputs_gets_them(tmp_path, empty, catalog):
    reads = {"use": "clinical_reconstruction", "on": "student", "taps": ["hbp"]}
    recipe = offline(learn={"objective": [{"use": "focal"}, {"use": "class_kl"}, reads]})
    plain, _ = finished({**recipe, **OFF}, tmp_path / "plain", empty, catalog)
    finished(recipe, tmp_path / "first", empty, catalog)
    second, _, calls = counted(recipe, tmp_path / "second", empty, catalog)
    assert calls == 0
    assert second.losses.keys() == plain.losses.keys() != set()
    assert same(weights(plain), weights(second))
    assert same(plain.losses, second.losses)


def test_more_taps_of_a_teacher_without_augmentation(tmp_path, empty, catalog):
    finished(offline(augment=[]), tmp_path / "logits", empty, catalog)
    taps = offline(learn={"objective": [{"use": "focal"}, {"use": "feature_kl", "taps": ["hbp"]}]}, augment=[])
    first, _, calls = counted(taps, tmp_path / "taps", empty, catalog)
    assert calls == CHUNKS
    second, _, calls = counted(taps, tmp_path / "again", empty, catalog)
    assert calls == 0
    assert len(kept(empty)) == 1
    anew, _, _ = counted({**taps, **OFF}, tmp_path / "anew", empty, catalog)
    assert same(weights(anew), weights(first))
    assert same(weights(anew), weights(second))


def test_it_stays_near_what_the_batches_of_training_would_say(tmp_path, empty, catalog, monkeypatch):
    recipe = offline(augment=[], **OFF)
    once, _, calls = counted(recipe, tmp_path / "once", empty, catalog)
    assert calls == CHUNKS
    monkeypatch.setattr("xdistill.distillation.frozen_teacher.BY_SUBJECT_MB", 0)
    ever, _, calls = counted(recipe, tmp_path / "ever", empty, catalog)
    assert calls == BATCHES
    for name, value in weights(ever).items():
        assert torch.allclose(value.float(), weights(once)[name].float(), atol=1e-4), name


@pytest.mark.parametrize(
    ("missing", "augment"),
    [
        ("skip", []),
        ("skip", tiny()["augment"]),
        ("impute", []),
        ({"use": "modality_dropout", "rate": 0.5}, []),
    ],
)
def test_missing_modalities(missing, augment, tmp_path, empty, catalog):
    recipe = incomplete(**ONE_PHASE, stages=[TEACH, LEARN], missing=missing, augment=augment)
    plain, _ = finished({**recipe, **OFF}, tmp_path / "plain", empty, catalog)
    for name in ("first", "second"):
        trainer, _, calls = counted(recipe, tmp_path / name, empty, catalog)
        assert same(weights(plain), weights(trainer))
    assert calls == 0


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
        trainer, _ = finished(recipe, tmp_path / name, empty, catalog)
        assert same(weights(plain), weights(trainer))
        for row, expected in zip(trainer.history, plain.history, strict=True):
            assert {**row, "seconds": 0} == {**expected, "seconds": 0}
    assert trainer.reused == ["teach"]
    assert "diagnostic.agreement" in trainer.history[-1]


@pytest.mark.parametrize("control", ["shuffled_privileged", "constant_teacher"])
def test_controls(control, tmp_path, empty, catalog):
    recipe = offline(learn={"objective": [{"use": "focal"}, {"use": "class_kl", "detach_teacher": False}]})
    finished(recipe, tmp_path / "recipe", empty, catalog)
    controlled = {**recipe, "control": control}
    plain, _ = finished({**controlled, **OFF}, tmp_path / "plain", empty, catalog)
    for name in ("first", "second"):
        trainer, _ = finished(controlled, tmp_path / name, empty, catalog)
        assert same(weights(plain), weights(trainer))


def test_no_split_ever_meets_what_another_left(tmp_path, empty, catalog):
    """Even with the very same weights: all that differs is which subjects are tested."""
    for recipe in (offline(), offline(augment=[])):
        shutil.rmtree(empty / FOLDER, ignore_errors=True)
        run = prepared(recipe, tmp_path / str(len(recipe["augment"])), empty, catalog)
        trainers = [_trainer(payload_of(run, fold), run.folder, f"r0-f{fold}")[0] for fold in range(3)]
        list(trainers[0].run())
        found = kept(empty)
        for trainer in trainers[1:]:
            assert trainer.cache.about["split"] != trainers[0].cache.about["split"]
            list(trainer.run())
            assert trainer.reused == []
            assert len(kept(empty)) == len(found) + 1
            found = kept(empty)
        same_rows = trainer_of(recipe, tmp_path / "moved", empty, catalog)
        same_rows.cache.about = {**same_rows.cache.about, "split": trainers[1].cache.about["split"]}
        list(same_rows.run())  # trained on the same subjects, tested on others
        assert same_rows.reused == []
        assert len(kept(empty)) == len(found) + 1


@pytest.mark.parametrize("how", ["truncated", "flipped", "renamed"])
def test_damaged_outputs_are_told_and_made_anew(how, tmp_path, empty, catalog):
    first, _ = finished(offline(), tmp_path / "first", empty, catalog)
    (file,) = kept(empty)
    whole = file.read_bytes()
    data = bytearray(whole)
    if how == "truncated":
        del data[len(data) // 2 :]
    elif how == "flipped":
        with h5py.File(file, "r") as opened:
            place = opened["0"].id.get_offset()
        data[place] ^= 1
    else:
        finished(offline(seed=1), tmp_path / "other", empty, catalog)
        (other,) = set(kept(empty)) - {file}
        data[:] = other.read_bytes()
    file.write_bytes(data)
    second, told, calls = counted(offline(), tmp_path / "second", empty, catalog)
    assert calls == BATCHES
    assert same(weights(first), weights(second))
    (trouble,) = [event for event in told if isinstance(event, TeacherCacheFailed)]
    assert "outputs of a teacher that are kept there are damaged" in trouble.reason
    assert file.read_bytes() == whole


@pytest.fixture(params=["full disk", "no folder"])
def unwritable(request, empty, monkeypatch):
    """A cache in which teachers can be kept, and outputs cannot."""
    usual = Path.write_bytes

    def full(path, data):
        if path.parent.parent.name != "outputs":
            return usual(path, data)
        usual(path, data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    if request.param == "full disk":
        monkeypatch.setattr(Path, "write_bytes", full)
    else:
        (empty / FOLDER).mkdir()
        (empty / FOLDER / "outputs").write_text("a file where the folder would be")
    return empty


def test_outputs_that_cannot_be_written_are_told_once_and_cost_nothing_else(plain, tmp_path, unwritable, catalog):
    trainer, told = finished(offline(learn=TWO), tmp_path, unwritable, catalog)
    (failed,) = [event for event in told if isinstance(event, TeacherCacheFailed)]
    assert "nothing can be kept there" in failed.reason
    assert "goes on without" in failed.reason
    assert same(weights(plain), weights(trainer))
    assert not [path for path in (unwritable / FOLDER / "outputs").rglob("*") if path.is_file()]
    assert len(list((unwritable / FOLDER / "teachers").iterdir())) == 1


def test_more_than_the_recipe_allows_is_not_kept(tmp_path, empty, catalog):
    trainer = trainer_of(offline(), tmp_path, empty, catalog)
    trainer.cache.outputs_mb = 20 * 4 * 3 / 2**20 - 1e-6  # 20 subjects, three classes
    list(trainer.run())
    assert kept(empty) == []
    trainer = trainer_of(offline(), tmp_path / "more", empty, catalog)
    trainer.cache.outputs_mb = 20 * 4 * 3 / 2**20
    list(trainer.run())
    assert len(kept(empty)) == 1


class Odd(nn.Module):
    """A teacher whose output is random, depends on who else is in the batch, or that changes although it is frozen."""

    inputs = ("clinical",)

    def __init__(self, how):
        super().__init__()
        self.how = how
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, batch):
        value = batch.inputs["clinical"][:, :3]
        if self.how == "random":
            value = value + torch.randn(value.shape)
        if self.how == "company":
            value = value - value.mean(dim=0)
        if self.how == "changing":
            self.calls += 1
        return Output(logits=value)


def taught_by(odd, recipe, folder, cache, catalog):
    """The weights of a student whose teacher, once trained, is replaced."""
    trainer = trainer_of(recipe, folder, cache, catalog)
    events = trainer.run()
    while len(trainer.history) < TEACH["epochs"]:
        next(events)
    teacher = trainer.networks["teacher"]
    teacher.register_buffer("calls", odd.calls)
    teacher.forward = odd.forward
    list(events)
    return {name: value.clone() for name, value in trainer.networks["student"].state_dict().items()}


@pytest.mark.parametrize("how", ["random", "company", "changing"])
def test_of_teachers_who_do_not_keep_to_what_they_said_nothing_is_kept(how, tmp_path, empty, catalog):
    recipe = offline(learn={"epochs": 2}, augment=[])
    found = taught_by(Odd(how), recipe, tmp_path / "found", empty, catalog)
    assert kept(empty) == []
    if how != "changing":  # else it is asked about each batch, as if there were no memory
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("xdistill.distillation.frozen_teacher.BY_SUBJECT_MB", 0)
            assert same(taught_by(Odd(how), {**recipe, **OFF}, tmp_path / "ever", empty, catalog), found)


@pytest.mark.parametrize(("how", "files"), [("random", 0), ("company", 1), ("changing", 0)])
def test_the_same_of_teachers_who_are_asked_about_batches(how, files, tmp_path, empty, catalog):
    taught_by(Odd(how), offline(), tmp_path, empty, catalog)
    assert len(kept(empty)) == files  # the company of a subject is in the key


def test_outside_of_training_it_computes():
    class Never:
        active = False

        def output(self, batch, compute):
            raise AssertionError

    network = Odd("plain")
    batch = Batch({"clinical": torch.ones(2, 5)}, {"clinical": torch.ones(2, dtype=torch.bool)}, ("a", "b"))
    assert torch.equal(RememberingTeacher(network, Never())(batch).logits, torch.ones(2, 3))
