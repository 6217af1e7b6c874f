"""A diagnosis from start to end."""

import json
from dataclasses import replace

import pytest

import xdistill
from diagnosis.recipes import vectors
from xdistill.crossval.events import EpochEnded, RunStarted
from xdistill.diagnosis import write_diagnosis
from xdistill.errors import RunError, UserError


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return {"runs": tmp_path_factory.mktemp("runs"), "cache": tmp_path_factory.mktemp("cache")}


@pytest.fixture(scope="module")
def official(folders):
    return xdistill.diagnose(vectors(crossval={"official": True}), quick=True, **folders)


def test_an_official_test_part_is_never_read(official):
    assert official.figures.subjects == 40
    assert official.figures.power.splits == "official"
    for folder in official.runs:
        run = xdistill.load_run(folder)
        tested = {subject for fold in run.predictions.folds for subject in fold.subjects}
        assert len(tested) == 40
        assert len(run.predictions.of("student")) == 3


def test_nothing_is_trained_twice(folders):
    xdistill.diagnose(vectors(), **folders)
    events = []
    again = xdistill.diagnose(vectors(), **folders, on_event=events.append)
    assert not [event for event in events if isinstance(event, (RunStarted, EpochEnded))]
    for folder in again.runs[1:]:
        assert xdistill.load_run(folder).record["seconds"]["reused"] == ["r0-f0", "r0-f1"]


def test_page_and_figures_are_written(official, tmp_path):
    named = replace(official, recipe="<b>bold</b>")
    page = write_diagnosis(named, tmp_path / "to")
    text = page.read_text(encoding="utf-8")
    assert "&lt;b&gt;bold&lt;/b&gt;" in text
    assert "<b>bold" not in text
    assert named.advice[0].replace("'", "&#39;") in text
    assert json.loads((tmp_path / "to" / "diagnosis.json").read_text()) == json.loads(json.dumps(named.to_json()))


def test_a_folder_that_cannot_be_made(official, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="file"):
        write_diagnosis(official, tmp_path / "file")


def test_withheld_labels_stay_withheld(folders):
    teach, learn = vectors()["stages"]
    stages = [teach, {**learn, "objective": [{"use": "cross_entropy"}, {"use": "kd"}]}]
    found = xdistill.diagnose(vectors(stages=stages, unlabelled={"fraction": 0.5}), quick=True, **folders)
    assert found.figures.fidelity is not None


def test_a_callback_that_needs_both_networks_in_one_stage(folders):
    teacher = {"use": "focused", "modality": "privileged", "network": vectors()["teacher"]}
    joint = {
        "name": "both",
        "train": ["teacher", "student"],
        "epochs": 1,
        "objective": [{"use": "cross_entropy", "on": "teacher"}, {"use": "cross_entropy"}],
    }
    recipe = vectors(teacher=teacher, stages=[joint], callbacks=[{"use": "modality_focus", "stage": "both"}])
    with pytest.raises(UserError, match=r"^tests/vectors: modality_focus .* `--set callbacks=\[\]`$"):
        xdistill.diagnose(recipe, **folders)
