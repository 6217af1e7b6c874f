import json
import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from xdistill.cli.recipe import app
from xdistill.recipe.load import load_recipe
from xdistill.recipe.schema.json_schema import recipe_json_schema

SMALL = ["--set", "data.subjects=60"]


def xdistill(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from xdistill.cli import main; main()", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "100", **environment},
    )


def invoke(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_a_good_recipe_is_summed_up():
    lines = invoke("check", "mvi_hcc", *SMALL).splitlines()
    assert lines[0] == "The recipe is valid."
    assert any(line.startswith("teacher ") and "clinical" in line and "parameters" in line for line in lines)


def test_the_summary_is_there_for_programs():
    summary = json.loads(invoke("check", "mvi_hcc", "--json", *SMALL))
    assert summary["data"] == "hcc_phantom"
    assert "the student never sees it" in summary["privileged"]


def test_what_is_shown_is_a_recipe_with_the_defaults_filled_in(write):
    shown = invoke("show", "mvi_hcc", *SMALL)
    again = load_recipe(write(shown))
    assert again.recipe.optimizer == load_recipe("mvi_hcc").recipe.optimizer
    assert again.recipe.data.settings()["subjects"] == 60
    assert again.recipe.compute.threads == 1
    assert again.recipe.student.settings()["head"] is not None
    assert invoke("show", "recipe.yaml") == shown
    assert json.loads(invoke("show", "recipe.yaml", "--json")) == again.tree()


def test_what_a_recipe_searches_is_summed_up_and_each_choice_is_put_together():
    search = "tune.space={optimizer.lr: {low: 0.01, high: 0.1}, student.hidden: {choices: [[8], [16]]}}"
    lines = invoke("check", "digits_half", "--set", search, "--set", "tune.trials=7").splitlines()
    assert lines[-1].split() == ["search", "optimizer.lr,", "student.hidden:", "7", "trials,", "tpe"]
    wrong = "tune.space={student.hiddn: {choices: [[8]]}, stages.student.epochs: {low: 1, high: 3}}"
    done = xdistill("recipe", "check", "digits_half", "--set", wrong, "--set", "tune.pruner={use: median, n: 1}")
    assert done.returncode == 0, "a run does not look at what is searched"
    for part in (
        "xdistill tune cannot search this recipe",
        "did you mean `hidden`?",
        "should be a valid integer",
        "MedianPruner has no setting 'n'",
    ):
        assert part in done.stderr


def test_an_inherited_search_that_does_not_fit_is_no_warning(write):
    stage = {
        "name": "joint",
        "train": ["teacher", "student"],
        "epochs": 2,
        "objective": [{"use": "focal", "on": "student"}],
    }
    path = write(json.dumps({"extends": "mvi_hcc", "name": "mine", "stages": [stage]}))
    done = xdistill("recipe", "check", str(path), "--set", "stages.joint.train=[student]", *SMALL)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].split(maxsplit=1) == [
        "search",
        "none; the inherited search does not fit this recipe",
    ]


def test_the_schema_is_printed():
    assert json.loads(invoke("schema")) == recipe_json_schema()


def test_all_problems_are_printed_and_the_exit_code_is_two(write):
    text = "extends: mvi_hcc\nname: x\nloader: {batch: 3, workers: -1}\n"
    done = xdistill("recipe", "check", str(write(text)), "--set", "seed=[/red]x", "--profile", "none")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    for part in ("recipe.yaml:3:10: loader.batch: ", "recipe.yaml:3:29: loader.workers: ", "[/red]x", "--profile none"):
        assert part in done.stderr


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("data.szie=3", "data.szie: unknown field `szie`"),
        ("data.use=hcc_fantom", "there is no dataset 'hcc_fantom'; did you mean 'hcc_phantom'?"),
        ("student.fusion.use=cros_attention", "student.fusion.use: there is no fusion 'cros_attention'"),
        ("data.subjects=many", "data.subjects: should be a valid integer, got 'many'"),
    ],
)
def test_problems_in_settings_of_components_name_their_origin(problems_in, change, message):
    (problem,) = problems_in(CliRunner().invoke, app, ["check", "mvi_hcc", "--set", change], catch_exceptions=False)
    assert str(problem).startswith(f"--set {change}: ")
    assert message in str(problem)


@pytest.mark.parametrize("command", [["--help"], ["check", "--help"], ["show", "--help"], ["schema", "--help"]])
def test_help_is_given(command):
    shown = invoke(*command)
    assert "xdistill recipe" in shown or command == ["--help"]
