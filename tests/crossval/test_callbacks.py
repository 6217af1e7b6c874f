"""Callbacks that a recipe names: part of the run, of its id, and of its checkpoints."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from crossval.heavy_ball import HeavyBall, heavy, with_plugin
from crossval.missing_runs import fold_run, prepared
from distillation.offline import same, weights
from tiny import tiny
from xdistill.crossval.events import EpochEnded, FoldStarted
from xdistill.errors import PluginError, RecipeError
from xdistill.experiment.assemble import assemble
from xdistill.recipe.load import as_loaded

TESTS = Path(__file__).parent.parent
KILLED = """
import sys
from pathlib import Path
from crossval.heavy_ball import run_and_die
run_and_die(*map(Path, sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def plugins():
    return with_plugin()


@pytest.fixture(scope="module")
def whole(tmp_path_factory, shared_cache, plugins):
    """A fold with the callback that was never interrupted, and its events."""
    fold = fold_run(heavy(), tmp_path_factory.mktemp("whole"), shared_cache, plugins)
    return fold, list(fold.events())


def history(fold):
    return [{**row, "seconds": 0} for row in fold.progress.history]


@pytest.fixture(scope="module")
def killed(tmp_path_factory, shared_cache):
    """The folder of a fold that was killed after its second epoch."""
    folder = tmp_path_factory.mktemp("killed")
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, str(folder), str(shared_cache)],
        check=False,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
    )
    assert ended.returncode == -signal.SIGKILL
    return folder


def test_it_changes_the_training_and_adds_to_the_history(whole, tmp_path, shared_cache, plugins):
    fold, events = whole
    plain = fold_run(heavy(callbacks=[]), tmp_path, shared_cache, plugins)
    list(plain.events())
    assert not same(weights(fold), weights(plain))
    assert all(row["velocity"] > 0 for row in fold.progress.history)
    assert not any("velocity" in row for row in plain.progress.history)
    ended = [event for event in events if isinstance(event, EpochEnded)]
    assert [event.losses["velocity"] for event in ended] == [row["velocity"] for row in fold.progress.history]


def test_its_state_survives_a_kill_bit_for_bit(whole, killed, tmp_path, shared_cache, plugins):
    shutil.copytree(killed, tmp_path, dirs_exist_ok=True)
    resumed = fold_run(heavy(), tmp_path, shared_cache, plugins)
    events = list(resumed.events())
    assert events[0] == FoldStarted("r0-f0", done=2)
    assert len(events) == 2
    assert same(weights(resumed), weights(whole[0]))
    assert history(resumed) == history(whole[0])


def test_without_its_state_the_bits_would_differ(whole, killed, tmp_path, shared_cache, plugins):
    """The control of the test above: the state matters."""
    shutil.copytree(killed, tmp_path, dirs_exist_ok=True)
    resumed = fold_run(heavy(), tmp_path, shared_cache, plugins)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HeavyBall, "load_state_dict", lambda _self, _state: None)
        list(resumed.events())
    assert not same(weights(resumed), weights(whole[0]))


def test_the_state_is_of_one_stage(tmp_path, shared_cache, plugins):
    """Each stage builds its callbacks anew."""
    stages = [{**tiny()["stages"][0], "name": name, "epochs": 1} for name in ("first", "second")]
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            HeavyBall, "on_train_begin", lambda self, trainer: seen.append((trainer.name, len(self.velocity)))
        )
        list(fold_run(heavy(stages=stages), tmp_path, shared_cache, plugins).events())
    assert seen == [("first", 0), ("second", 0)]


def test_callbacks_are_part_of_the_id_and_an_empty_list_is_not(tmp_path, shared_cache, plugins):
    lists = {
        "none": {},
        "empty": {"callbacks": []},
        "one": {"callbacks": [{"use": "heavy_ball"}]},
        "written out": {"callbacks": [{"use": "heavy_ball", "momentum": 0.9}]},
        "other": {"callbacks": [{"use": "heavy_ball", "momentum": 0.5}]},
        "twice": {"callbacks": [{"use": "heavy_ball"}] * 2},
    }
    ids = {
        name: prepared(tiny(**changes), tmp_path / name, shared_cache, plugins).identity
        for name, changes in lists.items()
    }
    assert ids["empty"] == ids["none"]
    assert ids["written out"] == ids["one"]
    assert len({ids["none"], ids["one"], ids["other"], ids["twice"]}) == 4


def test_one_that_raises_is_named_with_its_fold(tmp_path, shared_cache, plugins):
    message = (
        r"the callback 'breaks' failed in on_epoch_end, in fold r0-f0, stage 'joint', epoch 1: "
        r"ZeroDivisionError: no epochs \(.*heavy_ball.py, line \d+\)"
    )
    with pytest.raises(PluginError, match=message):
        list(fold_run(heavy(callbacks=[{"use": "breaks"}]), tmp_path, shared_cache, plugins).events())


def test_unknown_callbacks_and_settings_are_errors_of_the_recipe(plugins):
    with pytest.raises(RecipeError) as caught:
        assemble(as_loaded(tiny(callbacks=[{"use": "heavy_bal"}, {"use": "heavy_ball", "momentun": 1}])), plugins)
    found = {problem.path: problem.message for problem in caught.value.problems}
    assert "heavy_ball" in found["callbacks.0.use"]
    assert "momentum" in found["callbacks.1.momentun"]
