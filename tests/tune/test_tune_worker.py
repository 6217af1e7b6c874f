"""The trials of a search: counted, repeated alike, pruned, failed by themselves, and taken up after a death."""

import json
import multiprocessing
import re
import subprocess
import time
from types import SimpleNamespace

import numpy as np
import optuna
import psutil
import pytest

from tune import searches
from xdistill.crossval.callbacks import WATCHED
from xdistill.errors import LeakError, UserError
from xdistill.tuning.events import TrialFinished
from xdistill.tuning.outcome import winner_of
from xdistill.tuning.search.inner import inner_splits
from xdistill.tuning.storage.open import JOURNAL, open_storage
from xdistill.tuning.storage.trials import ALIVE, STALE, WORKER, register_worker, started, trials_by_state


def trials(study, name="all"):
    storage = open_storage(study.url)
    return optuna.load_study(study_name=f"{study.name}/{name}", storage=storage).get_trials()


def finished(study, name="all"):
    return [event for event in searches.search(study, name) if isinstance(event, TrialFinished)]


@pytest.fixture
def flat(catalog, shared_cache, tmp_path):
    def make(tune=None, folder="a", **changes):
        given = searches.loaded(tune, **changes)
        return searches.study(given, catalog, shared_cache, tmp_path / folder, flat=True)

    return make


def test_inner_splits_hold_training_subjects_alone(catalog, shared_cache, tmp_path):
    outer = searches.prepared(searches.loaded(), catalog, shared_cache, tmp_path)
    for split in outer.splits:
        inner = inner_splits(outer.experiment, outer.cohort, searches.searched(searches.loaded()), split)
        for part in inner:
            assert not {*part.train, *part.test} & set(split.test)
            assert {*part.train, *part.test} == {*split.train, *split.validation}
        tested = [subject for part in inner for subject in part.test]
        assert sorted(tested) == sorted(split.train)


def test_inner_splits_train_on_subjects_without_a_label_and_never_test_them(catalog, shared_cache, tmp_path):
    outer = searches.prepared(searches.loaded(), catalog, shared_cache, tmp_path)
    split, known = outer.splits.fold(0, 0), outer.cohort.labelled
    some = SimpleNamespace(
        **{name: getattr(outer.cohort, name) for name in ("subjects", "patients", "targets", "schema", "fingerprint")},
        rows_of=outer.cohort.rows_of,
        present=outer.cohort.present,
        labelled=known & (np.arange(len(known)) % 4 > 0),
    )
    without = {subject for subject, one in zip(some.subjects, some.labelled, strict=True) if not one}
    inner = inner_splits(outer.experiment, some, searches.searched(searches.loaded()), split)
    for part in inner:
        assert not without & {*part.validation, *part.test}
        assert without & set(part.train) == without & set(split.train)


def test_a_search_makes_its_trials_and_leaves_nothing_but_them(flat):
    study = flat()
    events = finished(study)
    assert [event.done for event in events] == [1, 2, 3]
    assert [event.value for event in events] == [trial.value for trial in trials(study)]
    for trial in trials(study):
        assert trial.value == pytest.approx(sum(trial.user_attrs["folds"]) / 2)
    assert max(event.best for event in events) == max(event.value for event in events)
    assert [path.name for path in (study.folder / "trials" / "all").iterdir()] == [".ask.lock"]
    assert list(searches.search(study)) == [], "all trials are there"


def test_no_subject_is_named_in_the_study(flat):
    study = flat()
    finished(study)
    text = (study.folder / JOURNAL).read_text(encoding="utf-8")
    assert not [subject for subject in study.cohort.subjects if f'"{subject}"' in text]


def test_a_search_that_was_killed_goes_on_as_if_it_had_not_been(flat):
    whole = flat({"trials": 4}, "whole")
    finished(whole)
    broken = flat({"trials": 4}, "broken")
    ends = 0
    for event in searches.search(broken):
        ends += isinstance(event, TrialFinished)
        if ends == 2 and not isinstance(event, TrialFinished):
            break  # in the middle of the third trial
    (running,) = [trial for trial in trials(broken) if trial.state.name == "RUNNING"]
    buried_as_of(broken, running)
    assert [event.done for event in finished(broken)] == [3, 4]
    assert [trial.state.name for trial in trials(broken)] == ["COMPLETE", "COMPLETE", "FAIL", "COMPLETE", "COMPLETE"]
    counted = [trial for trial in trials(broken) if trial.state.name == "COMPLETE"]
    assert [trial.params for trial in counted] == [trial.params for trial in trials(whole)]
    assert [trial.value for trial in counted] == [trial.value for trial in trials(whole)]


def buried_as_of(study, trial):
    """Pretend that the worker of a trial, which is this process, is one that has ended; lines lose their checksums."""
    ended = subprocess.Popen(["true"])
    ended.wait()
    lines = re.sub(',"sum":"[0-9a-f]{16}"', "", (study.folder / JOURNAL).read_text(encoding="utf-8"))
    worker = trial.user_attrs[WORKER]
    (study.folder / JOURNAL).write_text(
        lines.replace(
            json.dumps(worker, separators=(",", ":")),
            json.dumps({**worker, "process": ended.pid}, separators=(",", ":")),
        ),
        encoding="utf-8",
    )


def test_a_longer_search_goes_on_with_the_shorter_one(flat):
    short = flat({"trials": 2})
    finished(short)
    long = flat({"trials": 3})
    assert long.folder == short.folder
    assert [event.done for event in finished(long)] == [3]
    study = optuna.load_study(study_name=f"{long.name}/all", storage=open_storage(long.url))
    first = winner_of("all", study, long.tune.space, 2, maximise=True)
    assert first.number < 2, "the shorter search does not see the third trial"
    assert sum(first.states.values()) == 2


def test_trials_at_work_elsewhere_count_until_their_worker_is_silent(flat):
    study = flat()
    (opened,) = study.open().values()
    trial = opened.ask()
    trial.set_user_attr(WORKER, {"place": "another machine", "process": 1, "started": 0.0})
    trial.set_user_attr(ALIVE, time.time())
    assert [one.number for one in trials_by_state(opened).alive] == [trial.number]
    trial.set_user_attr(ALIVE, time.time() - STALE - 1)
    assert [one.number for one in trials_by_state(opened).dead] == [trial.number]


def test_a_process_that_nobody_asks_for_is_dead(flat):
    study = flat()
    (opened,) = study.open().values()
    trial = opened.ask()
    ended = subprocess.Popen(["true"])
    while psutil.Process(ended.pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    register_worker(trial)
    (running,) = trials_by_state(opened).alive
    begun = started(psutil.Process(ended.pid))
    trial.set_user_attr(WORKER, {**running.user_attrs[WORKER], "process": ended.pid, "started": begun})
    assert [one.number for one in trials_by_state(opened).dead] == [trial.number]
    ended.wait()


def test_settings_that_cannot_be_trained_with_fail_by_themselves(flat):
    study = flat({"space": {"optimizer.lr": {"choices": [1e30, 0.05]}}, "sampler": "grid", "trials": 5})
    events = {event.state: event for event in finished(study)}
    assert events.keys() == {"failed", "complete"}, "a grid of two points has two trials"
    assert "infinite" in events["failed"].reason
    (opened,) = study.open().values()
    assert winner_of("all", opened, study.tune.space, 5, maximise=True).values == {"optimizer.lr": 0.05}


def test_a_leak_is_no_failed_trial(flat):
    study = flat()
    study.open()
    payload = study.jobs()[0].payload
    part = payload["splits"]["splits"][0]
    part["train"] = [*part["train"], part["test"][0]]
    from xdistill.tuning.search.worker import run_trials

    with pytest.raises(LeakError):
        list(run_trials(payload))


def test_what_is_not_the_settings_fault_stops_the_search_and_leaves_no_trial_at_work(flat):
    study = flat()
    study.open()
    payload = {**study.jobs()[0].payload, "cohort": str(study.folder / "gone.h5")}
    with pytest.raises(UserError, match=r"gone\.h5"):
        exhaust(payload)
    assert [trial.state.name for trial in trials(study)] == ["FAIL"]


def test_the_median_gives_up_a_bad_trial_in_the_middle_of_a_fold(flat):
    space = {"optimizer.lr": {"choices": [0.05, 1e-7]}, "student.hidden": {"choices": [[], [1]]}}
    pruner = {"use": "median", "n_startup_trials": 1}
    study = flat({"space": space, "pruner": pruner, "sampler": "grid", "trials": 4, "seed": 3})
    states = [event.state for event in finished(study)]
    assert "pruned" in states
    assert states[0] == "complete"
    for trial in trials(study):
        last = 6 if trial.state.name == "COMPLETE" else trial.last_step
        assert list(trial.intermediate_values) == list(range(1, last + 1)), "a step is an epoch of the whole trial"


def test_watching_an_epoch_changes_nothing(flat):
    plain, watched = flat(folder="plain"), flat({"pruner": {"use": "median", "n_startup_trials": 9}}, "watched")
    assert [event.value for event in finished(plain)] == [event.value for event in finished(watched)]
    assert WATCHED == "watched"


NUMBERS = {
    "optimizer.lr": {"low": 1e-3, "high": 0.3, "log": True},
    "optimizer.weight_decay": {"low": 0, "high": 0.1},
}


@pytest.mark.parametrize(
    ("sampler", "pruner", "folds"),
    [
        ({"use": "tpe", "n_startup_trials": 2, "multivariate": True}, "none", 2),
        ({"use": "gp", "n_startup_trials": 2}, "none", 2),
        ({"use": "cmaes", "n_startup_trials": 2}, "none", 2),
        ("random", {"use": "hyperband", "min_resource": 2, "reduction_factor": 2}, 2),
        ("random", "wilcoxon", 4),
    ],
)
def test_every_sampler_and_pruner_of_optuna_works(flat, sampler, pruner, folds):
    study = flat({"sampler": sampler, "pruner": pruner, "folds": folds, "space": NUMBERS, "trials": 4})
    states = [event.state for event in finished(study)]
    assert len(states) == 4
    assert set(states) <= {"complete", "pruned"}
    for trial in trials(study):
        assert trial.params.keys() == NUMBERS.keys()
    if pruner == "wilcoxon":
        for trial in trials(study):
            assert list(trial.intermediate_values.values()) == trial.user_attrs["folds"], "a step is a fold"


def test_two_processes_share_a_search(flat):
    study = flat({"trials": 4})
    study.open()
    payload = study.jobs()[0].payload
    context = multiprocessing.get_context("fork")
    other = context.Process(target=exhaust, args=(payload,))
    other.start()
    exhaust(payload)
    other.join()
    states = [trial.state.name for trial in trials(study)]
    assert states.count("COMPLETE") == 4
    assert len({trial.user_attrs[WORKER]["process"] for trial in trials(study)}) >= 1
    assert psutil.pid_exists(other.pid) is False


def exhaust(payload):
    from xdistill.tuning.search.worker import run_trials

    for _ in run_trials(payload):
        pass
