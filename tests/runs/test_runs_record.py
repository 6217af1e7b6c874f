"""Reading a run back, and refusing what is none."""

import json

import numpy as np
import pytest

from xdistill.errors import RunError
from xdistill.runs import FORMAT, FORMAT_VERSION, load_run
from xdistill.stats import FoldPredictions, Predictions, write_predictions

RECORD = {
    "format": FORMAT,
    "format_version": FORMAT_VERSION,
    "status": "finished",
    "recipe": {"name": "tests/small"},
    "cohort": {"classes": ["a", "b"]},
    "summary": {"student": {"accuracy": {"mean": 1.0, "sd": 0.0, "folds": [1.0, 1.0]}}},
}


def write_run(path, **changes):
    (path / "record.json").write_text(json.dumps({**RECORD, **changes}))
    target = np.array([0, 1])
    folds = [
        FoldPredictions("student", 0, 0, ("s0", "s1"), target, np.array([[0.9, 0.1], [0.2, 0.8]])),
        FoldPredictions("student", 0, 1, ("s2", "s3"), target, np.array([[0.1, 0.9], [0.2, 0.8]])),
    ]
    write_predictions(path / "predictions.csv", Predictions(("a", "b"), tuple(folds)))
    for number in range(2):
        fold = path / "folds" / f"r0-f{number}"
        fold.mkdir(parents=True)
        (fold / "history.csv").write_text(
            "stage,epoch,seconds,total,focal,late\nfirst,1,0.5,1.5,1.25,\nsecond,1,0.5,0.5,0.25,3\n"
        )
    return path


def test_a_run_is_read_back(tmp_path):
    run = load_run(write_run(tmp_path))
    assert run.name == "tests/small"
    assert run.classes == ("a", "b")
    assert run.predictions.pooled("student").subjects == ("s0", "s1", "s2", "s3")
    assert run.folder.fold("r0-f0").is_dir()


def test_figures_come_from_the_predictions_and_never_from_the_record(tmp_path):
    run = load_run(write_run(tmp_path))
    accuracy = run.summary["student"]["accuracy"]
    assert accuracy["folds"] == [1.0, 0.5]
    assert accuracy["mean"] == 0.75
    assert accuracy["sd"] == pytest.approx(0.5**0.5 / 2)
    assert run.metrics["student"]["accuracy"].mean == 0.75
    json.dumps(run.summary, allow_nan=False)


def test_the_history_leaves_out_what_an_epoch_does_not_have(tmp_path):
    history = load_run(write_run(tmp_path)).history
    assert [(row.fold, row.stage, row.epoch) for row in history[:2]] == [("r0-f0", "first", 1), ("r0-f0", "second", 1)]
    assert history[0].values == {"seconds": 0.5, "total": 1.5, "focal": 1.25}
    assert history[1].values["late"] == 3


@pytest.mark.parametrize("content", ["stage,epoch\nfirst,one\n", "epoch,total\n1,1.0\n", "stage,epoch,total\na,1,x\n"])
def test_a_damaged_history_is_named(tmp_path, content):
    run = load_run(write_run(tmp_path))
    (tmp_path / "folds" / "r0-f1" / "history.csv").write_text(content)
    with pytest.raises(RunError, match=r"r0-f1/history\.csv: cannot be read as the history of a fold"):
        _ = run.history


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"format_version": 2},
            "format version 2; this version of xdistill reads version 1. Use the version of xdistill",
        ),
        ({"format_version": None}, "format version None"),
        ({"format": "xdistill-splits"}, "not the record of a run"),
        ({"status": "running"}, "this run is not finished; rerun the command that started it"),
    ],
)
def test_what_is_no_finished_run_of_this_format(tmp_path, changes, message):
    write_run(tmp_path, **changes)
    with pytest.raises(RunError) as caught:
        load_run(tmp_path)
    assert message in str(caught.value)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize(("content", "message"), [("[1]", "not the record of a run"), ("{", "cannot be read")])
def test_a_record_that_is_something_else(tmp_path, content, message):
    (tmp_path / "record.json").write_text(content)
    with pytest.raises(RunError, match=message):
        load_run(tmp_path)


def test_a_folder_without_a_run(tmp_path):
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(RunError, match=r"not the folder of a run: it has no record.json"):
            load_run(path)


def test_predictions_that_were_lost(tmp_path):
    run = load_run(write_run(tmp_path))
    (tmp_path / "predictions.csv").unlink()
    with pytest.raises(RunError, match=r"predictions\.csv"):
        _ = run.predictions
