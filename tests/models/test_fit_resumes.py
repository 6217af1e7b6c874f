"""An interrupted fit goes on where it stopped, and comes to the same bytes."""

import json

import pytest

import xdistill
from tiny import tiny
from xdistill.crossval.events import EpochEnded, FoldFinished, FoldStarted, RunStarted
from xdistill.errors import UserError


class Stopped(Exception):  # noqa: N818 - no error
    """Raised by a listener."""


def sums(folder):
    """Checksums of a model folder."""
    return json.loads((folder / "checksums.json").read_text())["sha256"]


@pytest.fixture
def recipe(monkeypatch):
    """The tiny recipe; every epoch writes a checkpoint."""
    monkeypatch.setattr("xdistill.training.checkpoint.SHARE", float("inf"))
    return tiny()


def test_it_resumes_from_the_last_checkpoint(run, recipe, fitted, tmp_path, shared_cache):
    options = {"runs": run.path.parent.parent, "cache": shared_cache}

    def stop(event):
        if isinstance(event, EpochEnded) and event.fold == "fit" and event.epoch == 1:
            raise Stopped

    with pytest.raises(Stopped):
        xdistill.fit(recipe, tmp_path / "m", **options, on_event=stop)
    assert not (tmp_path / "m").exists()
    events = []
    xdistill.fit(recipe, tmp_path / "m", **options, on_event=events.append)
    started = [event.done for event in events if isinstance(event, FoldStarted)]
    assert started == [1]
    assert sums(tmp_path / "m")["model.safetensors"] == sums(fitted)["model.safetensors"]
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


def test_a_finished_run_is_not_repeated(run, fitted, tmp_path, shared_cache):
    events = []
    xdistill.fit(
        tiny(), tmp_path / "m", runs=run.path.parent.parent, cache=shared_cache, ensemble=True, on_event=events.append
    )
    assert not [event for event in events if isinstance(event, (EpochEnded, FoldFinished, RunStarted))]
    del fitted


def test_without_crossvalidation_nothing_is_calibrated(tmp_path, shared_cache):
    model = xdistill.fit(tiny(), tmp_path / "m", runs=tmp_path / "runs", cache=shared_cache, crossval=False)
    assert model.calibration is None
    assert "crossval" not in model.training
    assert not (tmp_path / "runs").exists()
    assert "Not measured: the model was trained without" in (tmp_path / "m" / "README.md").read_text()


def test_the_last_stage_has_as_many_epochs_as_the_folds_found_best(tmp_path, shared_cache):
    recipe = tiny(crossval={"folds": 3, "validation": 0.25})
    events = []
    xdistill.fit(recipe, tmp_path / "m", runs=tmp_path / "runs", cache=shared_cache, on_event=events.append)
    run = xdistill.load_run(next((tmp_path / "runs" / "tests" / "tiny").iterdir()))
    best = {}
    for row in run.history:
        best.setdefault(row.fold, {})[row.values["validation_log_loss"]] = row.epoch
    middle = sorted(epochs[min(epochs)] for epochs in best.values())[1]
    assert [event.epochs for event in events if isinstance(event, RunStarted)][-1] == middle


@pytest.mark.parametrize(
    ("changes", "options", "message"),
    [
        ({"control": "label_smoothing"}, {}, "null control 'label_smoothing'; fit the recipe itself"),
        ({}, {"ensemble": True, "crossval": False}, "an ensemble is made of the folds"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path, shared_cache, changes, options, message):
    with pytest.raises(UserError, match=message):
        xdistill.fit(tiny(**changes), tmp_path / "m", runs=tmp_path / "runs", cache=shared_cache, **options)
    assert list(tmp_path.iterdir()) == []
