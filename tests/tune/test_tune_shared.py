"""Two commands at one nested search: they share its trials, one of them fits, and the other takes over if it dies."""

import json
import multiprocessing
import os
import shutil
import signal

import pytest

from tune import searches
from xdistill import api
from xdistill.crossval.events import FoldFinished, FoldStarted
from xdistill.recipe.yaml.writer import write_yaml
from xdistill.tuning.events import TrialFinished, TrialStarted

FORK = multiprocessing.get_context("fork")
# Random draws depend on the place of a trial alone, so that shared work has to give the same bits as that of one.
RECIPE = searches.recipe({"trials": 3, "sampler": "random"})
SHOWN = (TrialStarted, TrialFinished, FoldStarted, FoldFinished)


def tune(folder, cache, on_event):
    where = {"runs": folder / "runs", "cache": cache, "studies": folder / "tune"}
    return api.tune(folder / "search.yaml", **where, on_event=on_event)


def give(folder, cache, name, victim=None):
    """Give the command; what happens goes to a file. Where ``victim`` is a path, whoever fits first is killed once."""

    def note(event):
        if isinstance(event, SHOWN):
            name_of = event.fold if isinstance(event, (FoldStarted, FoldFinished)) else f"{event.search}/{event.number}"
            with (folder / name).open("a", encoding="utf-8") as file:
                file.write(f"{type(event).__name__} {name_of}\n")
        if victim is not None and isinstance(event, FoldFinished) and not victim.exists():
            victim.touch()
            os.kill(os.getpid(), signal.SIGKILL)

    tune(folder, cache, note)


def both(folder, cache, victim=None):
    """Two processes give the same command at once; their exit codes and all that they say happened."""
    processes = [FORK.Process(target=give, args=(folder, cache, name, victim)) for name in ("first", "second")]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    notes = [path.read_text(encoding="utf-8").splitlines() for name in ("first", "second") if (path := folder / name)]
    return [process.exitcode for process in processes], [line for lines in notes for line in lines]


def results(folder):
    """What a search leaves, but for where it lies."""
    (study,) = folder.glob("tune/tests/search/*")
    (run,) = folder.glob("runs/tests/search-tuned/*")
    told = json.loads((study / "study.json").read_text(encoding="utf-8"))
    told = {name: value for name, value in told.items() if name not in {"storage", "run"}}
    assert not [path for path in study.glob("trials/*/*") if path.is_dir()], "trials are gone when they are over"
    assert not list(run.glob("folds/.*")), "no half a fold is left"
    assert sorted(path.name for path in run.glob("folds/*")) == ["r0-f0", "r0-f1"]
    return told, (study / "tuned.yaml").read_bytes(), (run / "predictions.csv").read_bytes()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "search.yaml").write_text(write_yaml(RECIPE), encoding="utf-8")
    return tmp_path


@pytest.fixture(scope="module")
def alone(tmp_path_factory, shared_cache):
    """What one command leaves that nobody helps."""
    folder = tmp_path_factory.mktemp("alone")
    (folder / "search.yaml").write_text(write_yaml(RECIPE), encoding="utf-8")
    tune(folder, shared_cache, lambda _event: None)
    return folder, results(folder)


def plant_other_settings(alone, folder):
    """What a study left that was deleted since: a finished run of the same id, of other settings."""
    shutil.copytree(alone / "runs", folder / "runs")
    (path,) = folder.glob("runs/tests/search-tuned/*/record.json")
    record = json.loads(path.read_text(encoding="utf-8"))
    record["tuned"]["folds"]["r0-f0"]["settings"] = {"optimizer.lr": 9.0}
    path.write_text(json.dumps(record), encoding="utf-8")


@pytest.mark.slow
def test_no_trial_and_no_fold_is_made_twice(folder, shared_cache, alone):
    plant_other_settings(alone[0], folder)
    codes, happened = both(folder, shared_cache)
    assert codes == [0, 0]
    wanted = sorted(f"{search}/{number}" for search in ("r0-f0", "r0-f1") for number in range(3))
    assert sorted(line.split()[1] for line in happened if line.startswith("TrialFinished")) == wanted
    assert sorted(line for line in happened if line.startswith("FoldStarted")) == [
        "FoldStarted r0-f0",
        "FoldStarted r0-f1",
    ], "whoever comes second finds the fits of the first, and not those of other settings any more"
    assert results(folder) == alone[1]


@pytest.mark.slow
def test_who_dies_while_fitting_is_relieved(folder, shared_cache, alone):
    codes, happened = both(folder, shared_cache, folder / "killed")
    assert sorted(codes) == [-signal.SIGKILL, 0]
    assert happened.count("FoldFinished r0-f0") + happened.count("FoldFinished r0-f1") == 2, "the finished one was kept"
    assert results(folder) == alone[1]
