"""A finished run is found by the splits that it has stored."""

import shutil

import pytest

import xdistill
from tiny import tiny
from xdistill.crossval import prepare
from xdistill.crossval.events import FoldStarted, RunStarted


@pytest.fixture
def finished(tiny_run, tmp_path):
    """A copy of the finished run, and the folder of all runs."""
    runs = tmp_path / "runs"
    folder = runs / tiny_run.path.relative_to(tiny_run.path.parents[2])
    shutil.copytree(tiny_run.path, folder)
    return runs, folder


def again(runs, shared_cache, seen=None, **changes):
    return xdistill.run(tiny(**changes), runs=runs, cache=shared_cache, on_event=None if seen is None else seen.append)


def refuse(*_args, **_kwargs):
    raise AssertionError("the cohort was split again")


def test_its_cohort_is_not_split_again(finished, shared_cache, monkeypatch):
    runs, folder = finished
    monkeypatch.setattr(prepare, "make_splits", refuse)
    assert again(runs, shared_cache).path == folder


@pytest.mark.parametrize("file", ["predictions.csv", "splits.json", "folds/r0-f1/student.safetensors"])
def test_one_that_was_changed_is_examined_fold_by_fold(file, finished, shared_cache):
    runs, folder = finished
    (folder / file).write_bytes((folder / file).read_bytes() + b" ")
    seen = []
    assert again(runs, shared_cache, seen).path == folder
    assert any(isinstance(event, RunStarted) for event in seen)
    trained = [event.fold for event in seen if isinstance(event, FoldStarted)]
    assert trained == (["r0-f1"] if file.startswith("folds") else [])


def test_another_recipe_of_the_same_name_is_another_run(finished, shared_cache, monkeypatch):
    monkeypatch.setattr(prepare, "make_splits", refuse)
    with pytest.raises(AssertionError, match="split again"):
        again(finished[0], shared_cache, seed=1)
