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
    assert (official.figures.power.splits, official.figures.power.tested) == ("one test part", 20)
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


def of_sites(folder, secret):
    """A table of sixty subjects of three sites, as a data set."""
    rows = ["id,x,secret,y,site", *(f"s{n},{n % 7},{secret(n)},{'ab'[n % 2]},{'ABC'[n % 3]}" for n in range(60))]
    (folder / "t.csv").write_text("\n".join(rows), encoding="utf-8")
    modalities = {"regular": ["x"], "privileged": ["secret"]}
    named = {"subject": "id", "target": "y", "classes": ["a", "b"], "modalities": modalities, "keep": ["site"]}
    return {"use": "table", "path": str(folder / "t.csv"), **named}


def test_one_tested_site_is_a_single_test_part(folders, tmp_path):
    recipe = vectors(data=of_sites(tmp_path, lambda n: n % 2), crossval={"by": "site", "tested": ["C"]})
    found = xdistill.diagnose(recipe, quick=True, **folders)
    assert (found.figures.subjects, found.figures.power.splits, found.figures.power.tested) == (40, "one test part", 20)


def test_a_teacher_that_cannot_be_scored_is_told_before_anything_is_trained(folders, tmp_path):
    events = []
    data = of_sites(tmp_path, lambda n: "" if n % 3 == 2 else n % 2)  # site C lacks it
    recipe = vectors(data=data, crossval={"by": "site"}, missing="skip")
    with pytest.raises(UserError, match=r"^tests/vectors: the teacher cannot be scored in .*`missing: impute`"):
        xdistill.diagnose(recipe, **folders, on_event=events.append)
    assert not [event for event in events if isinstance(event, EpochEnded)]


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
