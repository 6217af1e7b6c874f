"""Reading a run back, and refusing what is none."""

import json
import os

import numpy as np
import pytest

from xdistill.data import Split, Splits
from xdistill.errors import RunError
from xdistill.runs import FORMAT, FORMAT_VERSION, load_run
from xdistill.stats import FoldPredictions, Predictions, write_predictions

SPLITS = Splits(
    (
        Split(0, 0, ("s2", "s3"), (), ("s0", "s1")),
        Split(0, 1, ("s0", "s1"), (), ("s2", "s3")),
    ),
    "cohort",
)
RECORD = {
    "format": FORMAT,
    "format_version": FORMAT_VERSION,
    "status": "finished",
    "recipe": {"name": "tests/small"},
    "cohort": {"classes": ["a", "b"]},
    "summary": {"student": {"accuracy": {"mean": 0.75, "sd": 0.5**0.5 / 2, "folds": [1.0, 0.5]}}},
}


def write_run(path, **changes):
    """A run as version 0.2 left it, without checksums."""
    (path / "record.json").write_text(json.dumps({**RECORD, **changes}))
    (path / "splits.json").write_text(json.dumps(SPLITS.to_json()))
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
        (fold / "fold.json").write_text(json.dumps({"repeat": 0, "fold": number}))
        write_predictions(fold / "predictions.csv", Predictions(("a", "b"), (folds[number],)))
    return path


def test_a_run_is_read_back(tmp_path):
    run = load_run(write_run(tmp_path))
    assert run.name == "tests/small"
    assert run.classes == ("a", "b")
    assert run.predictions.pooled("student").subjects == ("s0", "s1", "s2", "s3")
    assert run.folder.fold("r0-f0").is_dir()


def test_a_run_without_checksums_is_read_with_a_note(tmp_path):
    assert load_run(write_run(tmp_path)).notes == (
        "the run was written before runs had checksums, so a change of its files may go unnoticed",
    )


def test_figures_come_from_the_predictions(tmp_path):
    run = load_run(write_run(tmp_path, summary={}))
    accuracy = run.summary["student"]["accuracy"]
    assert accuracy["folds"] == [1.0, 0.5]
    assert accuracy["mean"] == 0.75
    assert accuracy["sd"] == pytest.approx(0.5**0.5 / 2)
    assert run.metrics["student"]["accuracy"].mean == 0.75
    json.dumps(run.summary, allow_nan=False)


def test_a_score_that_does_not_follow_from_the_predictions_is_refused(tmp_path):
    write_run(tmp_path, summary={"student": {"accuracy": {"mean": 1.0, "sd": 0.0, "folds": [1.0, 1.0]}}})
    message = r"record\.json: the mean of accuracy of the student is 1, but from predictions\.csv it is 0\.75"
    with pytest.raises(RunError, match=message):
        load_run(tmp_path)


def test_a_metric_that_this_version_does_not_have_is_no_contradiction(tmp_path):
    other = {"student": {"kappa": {"mean": 1.0, "sd": 0.0, "folds": [1.0, 1.0]}}}
    assert load_run(write_run(tmp_path, summary=other)).metrics["student"]["accuracy"].mean == 0.75


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
        ({"format_version": [1]}, "format version [1]"),
        ({"format": "xdistill-splits"}, "not the record of a run"),
        ({"status": "running"}, "this run is not finished; rerun the command that started it"),
        ({"recipe": None}, "not a valid record: `recipe`: "),
        ({"recipe": {}}, "not a valid record: `recipe.name`: Field required"),
        ({"cohort": {}}, "not a valid record: `cohort`: no valid task"),
        ({"cohort": {"classes": ["a"]}}, "`cohort`: no valid task: the cohort has the classes ['a']"),
        ({"cohort": {"classes": ["a", "b"], "synthetic": "no"}}, "`cohort.synthetic`: "),
        ({"id": "../../x"}, "`id`: String should match pattern"),
        ({"tuned": [1]}, "`tuned`: "),
        ({"versions": {"torch": None}}, "`versions.torch`: Input should be a valid string"),
        ({"summary": {"student": {"accuracy": 1.0}}}, "`summary.student.accuracy`: "),
        (
            {"privileged": ["clinical"], "networks": {"student": {"inputs": ["mri", "clinical"], "parameters": 1}}},
            "the student's inputs name the privileged modality 'clinical'",
        ),
    ],
)
def test_what_is_no_finished_run_of_this_format(tmp_path, changes, message):
    write_run(tmp_path, **changes)
    with pytest.raises(RunError) as caught:
        load_run(tmp_path)
    assert message in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_keys_of_later_versions_are_ignored(tmp_path):
    run = load_run(write_run(tmp_path, later={"a": [1]}, cohort={**RECORD["cohort"], "later": 1}))
    assert run.record["later"] == {"a": [1]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[1]", "not the record of a run"),
        ("{", "cannot be read"),
        ("[" * 100_000, "cannot be read"),
        ('{"id": ' + "1" * 5000 + "}", "cannot be read"),
    ],
    ids=["list", "cut off", "deep", "digits"],
)
def test_a_record_that_is_something_else(tmp_path, content, message):
    (tmp_path / "record.json").write_text(content)
    with pytest.raises(RunError, match=message):
        load_run(tmp_path)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    write_run(tmp_path)
    (tmp_path / "splits.json").unlink()
    os.mkfifo(tmp_path / "splits.json")
    with pytest.raises(RunError, match=r"splits\.json: cannot be read: it is a named pipe"):
        load_run(tmp_path)


def test_a_folder_without_a_run(tmp_path):
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(RunError, match=r"not the folder of a run: it has no record.json"):
            load_run(path)


@pytest.mark.parametrize("name", ["predictions.csv", "splits.json", "folds/r0-f1/fold.json"])
def test_a_file_that_was_lost(tmp_path, name):
    write_run(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(RunError, match=name):
        load_run(tmp_path)


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        (
            "predictions.csv",
            "student,0,1,s3,b,0.2,0.8\n",
            "",
            r"predictions\.csv: has 1 rows of the student in r0-f1, but splits\.json has 2 test subjects",
        ),
        (
            "predictions.csv",
            "student,0,1,s3",
            "student,0,1,s9",
            r"predictions\.csv: 1 rows of the student in r0-f1 are not of its test subjects",
        ),
        (
            "predictions.csv",
            "0.1,0.9",
            "0.9,0.1",
            r"of the student in r0-f1 differ from those in .*r0-f1/predictions\.csv",
        ),
        ("folds/r0-f1/fold.json", '"fold": 1', '"fold": 0', r"fold\.json: does not belong to repeat 0, fold 1"),
        ("splits.json", '"s0", "s1"', '"s1", "s0"', r"splits\.json: the splits do not match their hash"),
    ],
)
def test_files_that_contradict_each_other(tmp_path, name, old, new, message):
    write_run(tmp_path)
    path = tmp_path / name
    path.write_bytes(path.read_bytes().replace(b"\r\n", b"\n"))
    edit(path, old, new)
    with pytest.raises(RunError, match=message):
        load_run(tmp_path)


def test_exchanged_folds_are_refused_without_checksums_too(tmp_path):
    folds = write_run(tmp_path) / "folds"
    (folds / "r0-f0").rename(folds / "x")
    (folds / "r0-f1").rename(folds / "r0-f0")
    (folds / "x").rename(folds / "r0-f1")
    with pytest.raises(RunError, match=r"r0-f0/fold\.json: does not belong to repeat 0, fold 0, in whose folder it is"):
        load_run(tmp_path)


def test_splits_of_another_run(tmp_path):
    with pytest.raises(RunError, match=r"splits\.json: belongs to other splits than record\.json"):
        load_run(write_run(tmp_path, split_hash="0" * 64))
