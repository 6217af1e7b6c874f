"""Trained teachers are taken over by whoever would come to the same bits, and by nobody else."""

import csv
import shutil
from dataclasses import replace

import pytest

from crossval.missing_runs import fold_run, incomplete, payload_of, prepared
from distillation.offline import LEARN, ONE_PHASE, TEACH, finished, offline, same, weights, wider
from tiny import tiny
from xdistill.crossval.events import EpochEnded, TeacherCacheFailed
from xdistill.crossval.fold import _prepared, run_fold
from xdistill.distillation.teacher_cache.key import key_of_teacher
from xdistill.distillation.teacher_cache.store import FOLDER
from xdistill.runs.files import read_json
from xdistill.training.checkpoint import Checkpointer

HINTS = {"use": "feature_kl", "taps": ["hbp"]}


@pytest.fixture(scope="module")
def cohorts(tmp_path_factory):
    """A cache of its own, since here it matters what is in it."""
    return tmp_path_factory.mktemp("cohorts")


@pytest.fixture
def empty(cohorts):
    """The same, with no teacher in it yet."""
    shutil.rmtree(cohorts / FOLDER, ignore_errors=True)
    return cohorts


def key_of(fold, stage):
    return None if fold.cache is None else key_of_teacher(fold.context, fold.cache.about, stage)


def test_a_second_student_takes_the_teacher_over(tmp_path, empty, catalog):
    two = {"epochs": 2}
    first, told = finished(offline(teach=two), tmp_path / "first", empty, catalog)
    other = offline(teach=two, student=wider("student"), learn={"epochs": 2, "optimizer": {"lr": 0.01}})
    second, told_again = finished(other, tmp_path / "second", empty, catalog)
    assert (first.progress.reused, second.progress.reused) == ([], ["teach"])
    assert second.progress.history[:2] == first.progress.history[:2]
    assert [(e.stage, e.epoch, e.done) for e in told_again if isinstance(e, EpochEnded)] == [
        ("teach", 1, 1),
        ("teach", 2, 2),
        ("learn", 1, 3),
        ("learn", 2, 4),
    ]
    assert [e.losses for e in told_again if isinstance(e, EpochEnded)][:2] == [
        e.losses for e in told if isinstance(e, EpochEnded)
    ][:2]
    anew, _ = finished({**other, "teacher_cache": {"use": "off"}}, tmp_path / "anew", empty, catalog)
    assert anew.progress.reused == []
    assert same(weights(anew), weights(second))


CHANGES = {
    "seed": {"seed": 1},
    "width": {"teacher": wider("teacher")},
    "rate": {"teach": {"optimizer": {"lr": 0.01}}},
    "split": {"crossval": {"folds": 3, "seed": 1}},
    "held out": {"crossval": {"folds": 3, "validation": 0.2}},
    "transform": {"transforms": [{"use": "tabular", "modality": "clinical", "scale": "none"}]},
    "augmentation": {"augment": []},
    "data": {"data": {**tiny()["data"], "seed": 5}},
    "missing": {"missing": "impute"},
    "shuffled": {"control": "shuffled_privileged"},
    "own kind": {"control": "self_distillation"},
    "threads": {"compute": {"threads": 2}},
    "diagnostics": {"diagnostics": True},
    "drop last": {"loader": {"batch_size": 8, "drop_last": True}},
}


@pytest.fixture(scope="module")
def plain_key(tmp_path_factory, cohorts, catalog):
    return key_of(fold_run(offline(), tmp_path_factory.mktemp("plain"), cohorts, catalog), 0)


@pytest.mark.parametrize("change", list(CHANGES))
def test_whatever_decides_the_teacher_is_in_the_key(change, plain_key, tmp_path, cohorts, catalog):
    key = key_of(fold_run(offline(**CHANGES[change]), tmp_path, cohorts, catalog), 0)
    assert key is not None
    assert key != plain_key


def test_so_is_all_that_its_stage_says(tmp_path, cohorts, catalog):
    fold = fold_run(offline(), tmp_path, cohorts, catalog)
    teach, learn = fold.context.experiment.schedule
    keys = [key_of(fold, 0)]
    term = teach.terms[0]
    for change in (
        {"name": "school"},
        {"epochs": 3},
        {"batch_size": 6},
        {"train": ("teacher.branches",)},
        {"optimizer": teach.optimizer.model_copy(update={"lr": 0.01})},
        {"terms": (replace(term, weight=0.5),)},
        {"terms": (replace(term, choice=learn.terms[0].choice), term)},
    ):
        experiment = replace(fold.context.experiment, schedule=(replace(teach, **change), learn))
        context = replace(fold.context, experiment=experiment)
        keys.append(key_of_teacher(context, fold.cache.about, 0))
    assert None not in keys
    assert len(set(keys)) == len(keys)


ELSEWHERE = {
    "student": {"student": wider("student")},
    "student's stage": {
        "learn": {
            "epochs": 7,
            "optimizer": {"lr": 0.5},
            "objective": [{"use": "focal"}, {"use": "feature_kl", "taps": ["hbp"]}],
        }
    },
    "constant": {"control": "constant_teacher"},
    "smoothed": {"control": "label_smoothing"},
    "helpers": {"loader": {"batch_size": 8, "workers": 1, "memory_mb": 1}},
}


@pytest.mark.parametrize("change", list(ELSEWHERE))
def test_what_concerns_the_student_alone_is_not(change, plain_key, tmp_path, cohorts, catalog):
    assert key_of(fold_run(offline(**ELSEWHERE[change]), tmp_path, cohorts, catalog), 0) == plain_key


def test_another_fold_of_the_same_split_is_another_key(plain_key, tmp_path, cohorts, catalog):
    run = prepared(offline(), tmp_path, cohorts, catalog)
    keys = {key_of(_prepared(payload_of(run, fold), run.folder, f"r0-f{fold}")[0], 0) for fold in range(3)}
    assert len(keys) == 3
    assert plain_key in keys


@pytest.mark.parametrize(
    "stages",
    [
        tiny()["stages"],
        [tiny()["stages"][0], TEACH],
        [{**TEACH, "train": ["teacher", "student"], "objective": [*TEACH["objective"], {"use": "focal"}]}],
    ],
)
def test_where_the_student_has_a_part_the_teacher_is_not_kept(stages, tmp_path, cohorts, catalog):
    fold = fold_run(tiny(stages=stages), tmp_path, cohorts, catalog)
    assert key_of(fold, len(stages) - 1) is None


def test_a_student_who_learned_before_is_no_part_of_it(tmp_path, cohorts, catalog):
    before = {**LEARN, "name": "warm up", "objective": [{"use": "focal"}]}
    fold = fold_run(tiny(stages=[before, TEACH]), tmp_path / "after", cohorts, catalog)
    alone = fold_run(tiny(stages=[TEACH, LEARN]), tmp_path / "alone", cohorts, catalog)
    assert key_of(fold, 0) is None
    assert key_of(fold, 1) == key_of(alone, 0)
    list(alone.events())
    list(fold.events())
    assert fold.progress.reused == ["teach"]
    anew, _ = finished(tiny(stages=[before, TEACH], teacher_cache={"use": "off"}), tmp_path / "anew", cohorts, catalog)
    assert same(weights(anew), weights(fold))


def test_missing_modalities_change_nothing_in_that(tmp_path, empty, catalog):
    recipe = incomplete(**ONE_PHASE, stages=[TEACH, LEARN], missing={"use": "modality_dropout", "rate": 0.5})
    finished(recipe, tmp_path / "first", empty, catalog)
    second, _ = finished({**recipe, "name": "tests/second"}, tmp_path / "second", empty, catalog)
    anew, _ = finished({**recipe, "teacher_cache": {"use": "off"}}, tmp_path / "anew", empty, catalog)
    assert second.progress.reused == ["teach"]
    assert same(weights(anew), weights(second))


def damaged(path, how):
    data = bytearray(path.read_bytes())
    if how == "truncated":
        del data[len(data) // 2 :]
    else:
        data[-5] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("how", ["truncated", "flipped"])
def test_a_damaged_teacher_is_told_and_trained_anew(how, tmp_path, empty, catalog):
    first, _ = finished(offline(), tmp_path / "first", empty, catalog)
    (kept,) = (empty / FOLDER / "teachers").iterdir()
    whole = kept.read_bytes()
    damaged(kept, how)
    second, told = finished(offline(), tmp_path / "second", empty, catalog)
    assert second.progress.reused == []
    assert same(weights(first), weights(second))
    (trouble,) = [event for event in told if isinstance(event, TeacherCacheFailed)]
    assert "damaged" in trouble.reason
    assert "computed again" in trouble.reason
    assert len(kept.read_bytes()) == pytest.approx(len(whole), abs=200)  # its times have other digits
    third, told = finished(offline(), tmp_path / "third", empty, catalog)
    assert third.progress.reused == ["teach"]
    assert not [event for event in told if isinstance(event, TeacherCacheFailed)]


def test_a_folder_that_cannot_be_written_is_told_once_and_costs_nothing_else(tmp_path, empty, catalog):
    (empty / FOLDER).write_text("a file where the folder would be")
    try:
        fold, told = finished(offline(), tmp_path / "first", empty, catalog)
    finally:
        (empty / FOLDER).unlink()
    assert [row["stage"] for row in fold.progress.history] == ["teach", "learn"]
    assert len([event for event in told if isinstance(event, TeacherCacheFailed)]) == 1


def test_what_was_not_used_for_longest_makes_room(tmp_path, empty, catalog):
    fold, _ = finished(offline(), tmp_path / "first", empty, catalog)
    (first,) = (empty / FOLDER / "teachers").iterdir()
    size = first.stat().st_size
    fold.cache.disk_mb = 2.5 * size / 2**20
    for seed in (1, 2):
        other = fold_run(offline(seed=seed), tmp_path / str(seed), empty, catalog)
        other.cache.disk_mb = fold.cache.disk_mb
        fold.cache.used(first)
        list(other.events())
    left = list((empty / FOLDER / "teachers").iterdir())
    assert len(left) == 2
    assert first in left


def test_an_interrupted_teacher_goes_on_and_is_kept(tmp_path, empty, catalog, monkeypatch):
    monkeypatch.setattr(Checkpointer, "due", lambda _self: True)
    recipe = offline(teach={"epochs": 2})
    broken = fold_run(recipe, tmp_path / "broken", empty, catalog)
    events = broken.events()
    while len(broken.progress.history) < 1:
        next(events)
    events.close()
    assert not list((empty / FOLDER).rglob("*.safetensors"))
    again, _ = finished(recipe, tmp_path / "broken", empty, catalog)
    assert again.progress.reused == []
    second, _ = finished(recipe, tmp_path / "second", empty, catalog)
    assert second.progress.reused == ["teach"]
    assert second.progress.history[:2] == again.progress.history[:2]
    assert same(weights(again), weights(second))


def test_a_fold_says_what_it_took_over_and_the_run_keeps_its_id(tmp_path, empty, catalog):
    recipes = {"one": offline(), "two": offline(), "off": offline(teacher_cache={"use": "off"})}
    runs = {name: prepared(recipe, tmp_path / name, empty, catalog) for name, recipe in recipes.items()}
    assert len({run.identity for run in runs.values()}) == 1
    for run in runs.values():
        list(run_fold(payload_of(run)))
    one, two, off = (run.folder.fold("r0-f0") for run in runs.values())
    assert [read_json(fold / "fold.json").get("reused") for fold in (one, two, off)] == [None, ["teach"], None]
    for file in ("predictions.csv", "teacher.safetensors", "student.safetensors"):
        assert (one / file).read_bytes() == (two / file).read_bytes() == (off / file).read_bytes()
    with (two / "history.csv").open() as file:
        assert [row["stage"] for row in csv.DictReader(file)] == ["teach", "learn"]
    kept = b"".join(path.read_bytes() for path in (empty / FOLDER).rglob("*") if path.is_file())
    assert kept
    assert not any(subject.encode() in kept for subject in runs["one"].cohort.subjects)
