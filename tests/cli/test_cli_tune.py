"""`xdistill tune`: what it prints, that a kill loses nothing, and that two of it share the work."""

import json
import os
import signal
from pathlib import Path

import pytest

from cli.conftest import START
from cli.test_cli_interrupt import members, read_until
from tune import searches
from waiting import LONG, until
from xdistill.recipe.yaml.writer import write_yaml
from xdistill.tuning.search.sampling import quiet
from xdistill.tuning.storage.open import open_storage
from xdistill.tuning.storage.trials import trials_by_state


@pytest.fixture
def folder(tmp_path, shared_cache, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDISTILL_CACHE", str(shared_cache))
    (tmp_path / "search.yaml").write_text(write_yaml(searches.recipe({"trials": 4})), encoding="utf-8")
    return tmp_path


def counted(url, name):
    import optuna

    with quiet():
        (study,) = [one for one in optuna.get_all_study_names(open_storage(url)) if one.endswith(name)]
        loaded = optuna.load_study(study_name=study, storage=open_storage(url))
    return trials_by_state(loaded).counted, loaded.get_trials()


START_HELD = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
from xdistill.tuning import run
run.JOB_FUNCTION = "tune.held_trials:run_two_trials"
{START}
"""


@pytest.mark.slow
def test_a_killed_search_goes_on_without_losing_a_trial(folder, start, xdistill):
    arguments = ["tune", "search.yaml", "--flat", "--workers", "1", "--storage", "sqlite"]
    running = start(*arguments, cwd=folder, code=START_HELD)
    read_until(running.stderr, "all: 2/4")
    os.killpg(running.pid, signal.SIGKILL)
    running.communicate(timeout=LONG)
    until(lambda: not members(running.pid), "workers do not outlive their driver")
    (database,) = folder.glob("tune/tests/search/*/study.db")
    before, _ = counted(f"sqlite:///{database}", "/all")
    assert len(before) == 2
    again = xdistill(*arguments, "--json")
    assert again.code == 0, again.err
    assert f"resuming: {len(before)} trials are finished" in again.err
    after, every = counted(f"sqlite:///{database}", "/all")
    assert [trial.value for trial in after[: len(before)]] == [trial.value for trial in before]
    assert len(after) == 4
    assert {trial.state.name for trial in every} <= {"COMPLETE", "FAIL"}
    told = json.loads(again.out)
    assert told["kind"] == "flat"
    assert told["searches"]["all"]["trials"] == {"complete": 4, "pruned": 0, "failed": 0}
    assert (folder / told["tuned"]).is_file()


@pytest.mark.slow
def test_two_commands_share_a_search(folder, start):
    arguments = ["tune", "search.yaml", "--flat", "--workers", "1", "--json", "--trials", "8"]
    both = [start(*arguments, cwd=folder) for _ in range(2)]
    ended = [process.communicate(timeout=3 * LONG) for process in both]
    assert [process.returncode for process in both] == [0, 0], ended
    first, second = (json.loads(out) for out, _ in ended)
    assert first == second
    assert first["searches"]["all"]["trials"]["complete"] == 8
    (journal,) = folder.glob("tune/tests/search/*/study.journal")
    trials, every = counted(str(journal), "/all")
    assert len(trials) == len(every) == 8


@pytest.mark.usefixtures("folder")
def test_a_recipe_without_a_search_is_one_message(xdistill):
    ended = xdistill("tune", "digits_half")
    assert (ended.code, ended.out) == (2, "")
    assert "the recipe has no search space; add `tune:" in ended.err
    assert "Traceback" not in ended.err


def test_faults_of_the_space_are_told_before_anything_is_done(folder, xdistill):
    ended = xdistill("tune", "search.yaml", "--set", "tune.space={optimizer.lrr: {low: 0.1, high: 1}}")
    assert ended.code == 2
    assert "unknown field `lrr`; did you mean `lr`?" in ended.err
    assert not (folder / "tune").exists()
