"""`xdistill run --control` and `--with-controls`."""

import json

import pytest

from tiny import tiny
from xdistill.recipe.yaml.writer import write_yaml

CONTROLS = ("shuffled_privileged", "constant_teacher", "label_smoothing", "self_distillation")


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    """A recipe of two folds and one epoch in the working folder."""
    monkeypatch.chdir(tmp_path)
    stages = [{**tiny()["stages"][0], "epochs": 1}]
    path = tmp_path / "recipe.yaml"
    path.write_text(write_yaml(tiny(stages=stages, crossval={"folds": 2})), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--control", "shuffled"],
            "'shuffled'; valid names: `shuffled_privileged`, `constant_teacher`",
        ),
        (["--control", "label_smoothing", "--with-controls"], "--with-controls runs all controls: leave --control out"),
        (
            ["--set", "teacher=null", "--set", "privileged=null", "--control", "constant_teacher"],
            "the recipe has none",
        ),
        (["--set", "teacher=null", "--set", "privileged=null", "--with-controls"], "the recipe has none"),
    ],
)
def test_what_makes_no_sense_is_refused(options, message, recipe, xdistill):
    alone = 'stages=[{"name": "alone", "train": ["student"], "epochs": 1, "objective": [{"use": "focal"}]}]'
    more = ["--set", alone] if "teacher=null" in options else []
    ended = xdistill("run", recipe, *options, *more)
    assert ended.code == 2
    assert message in ended.err
    assert "Traceback" not in ended.err
    assert not (recipe.parent / "runs").exists()


def test_all_controls_and_the_gain_over_the_best(recipe, xdistill, shared_cache):
    ended = xdistill("run", recipe, "--with-controls", "--json", "--cache", shared_cache)
    assert ended.code == 0, ended.err
    document = json.loads(ended.out)
    assert document["control"] is None
    assert tuple(document["gain"]["controls"]) == CONTROLS
    best = document["gain"]["controls"][document["gain"]["best"]]
    assert best["auc_ovo"] == max(row["auc_ovo"] for row in document["gain"]["controls"].values())
    gained = document["summary"]["student"]["auc_ovo"]["mean"] - best["auc_ovo"]
    assert best["gain"] == pytest.approx(gained)
    page = (recipe.parent / document["report"]).read_text(encoding="utf-8")
    assert "The best control is" in page
    for control in CONTROLS:
        assert len(list((recipe.parent / "runs" / "tests" / f"tiny-control-{control}").glob("*/report.html"))) == 1

    shown = xdistill("run", recipe, "--cache", shared_cache)
    assert "The best control is" in shown.out
    one = xdistill("run", recipe, "--control", "constant_teacher", "--cache", shared_cache)
    assert one.code == 0, one.err
    assert "finished" not in one.err, "nothing was trained"
    assert "tests/tiny-control-constant_teacher" in one.out
    assert "Null control, not the method: the teacher's predictions are constant." in one.out
