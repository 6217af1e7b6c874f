from pathlib import Path

import pytest

from xdistill.recipe.environment import substitute
from xdistill.recipe.load import load_recipe


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("${ROOT}/a", "/mnt/a"),
        ("${ROOT}${ROOT}", "/mnt/mnt"),
        ("${NONE:-else}/a", "else/a"),
        ("${EMPTY:-else}", "else"),
        ("${NONE:-}", ""),
        ("${ROOT:-else}", "/mnt"),
        ("${NONE:-a:-b}", "a:-b"),
        ("$ROOT costs 5$", "$ROOT costs 5$"),
        ("$$", "$$"),
        ("$${ROOT}", "$/mnt"),
    ],
)
def test_variables_are_filled_in(text, value):
    assert substitute(text, {"ROOT": "/mnt", "EMPTY": ""}) == (value, [])


@pytest.mark.parametrize("text", ["${NONE}", "${EMPTY}", "${", "${ROOT", "${}", "${1X}", "${A B}", "${ROOT:+x}"])
def test_what_cannot_be_filled_in_is_said_and_left(text):
    value, messages = substitute(text, {"ROOT": "/mnt", "EMPTY": ""})
    assert value == text
    assert len(messages) == 1


def test_a_value_that_holds_a_reference_is_refused():
    text, messages = substitute("${A}", {"A": "${B}", "B": "x"})
    assert text == "${A}"
    assert messages == ["the environment variable `A` contains `${`; references cannot be nested"]


def test_only_data_is_filled_in_and_values_stay_text(write, minimal, monkeypatch):
    monkeypatch.setenv("COHORT", "5")
    text = minimal.replace("subjects: 12", "label: '${COHORT}', nested: [{deep: 'x${COHORT}'}]")
    loaded = load_recipe(write(text + "description: ${COHORT}\n"))
    assert loaded.recipe.data.settings() == {"label": "5", "nested": [{"deep": "x5"}]}
    assert loaded.recipe.description == "${COHORT}"


def test_an_unset_variable_is_a_problem_that_names_it(write, minimal, problems_in, monkeypatch):
    monkeypatch.delenv("COHORT", raising=False)
    (problem,) = problems_in(load_recipe, write(minimal), overrides=["data.path=${COHORT}/a"])
    assert problem.source == "--set data.path=${COHORT}/a"
    assert problem.path == "data.path"
    assert "`COHORT` is not set" in problem.message


def test_a_path_beside_the_recipe_is_found_from_anywhere(write, minimal, monkeypatch, tmp_path):
    write("", "study/cohort.csv")
    write("", "study/cohort.txt")
    data = "data: {use: m, path: cohort.csv, mask_dir: masks, label: cohort.txt, image_path: [cohort.csv]}"
    write(data + "\n" + minimal.split("\n", 2)[2] + "name: x\n", "study/recipe.yaml")
    monkeypatch.chdir("/")
    settings = load_recipe(tmp_path / "study" / "recipe.yaml").recipe.data.settings()
    here = str((tmp_path / "study" / "cohort.csv").resolve())
    assert settings == {"path": here, "mask_dir": "masks", "label": "cohort.txt", "image_path": [here]}


def test_weights_of_a_network_are_beside_the_recipe_too(write, minimal, monkeypatch, tmp_path):
    here = str(Path(write("", "study/w.pt")).resolve())
    student = "student: {use: s, branches: {a: {weights: {path: w.pt}}, b: {weights: w.pt}, c: {path: w.pt}}}"
    kept = [line for line in minimal.splitlines() if not line.startswith("student")]
    write("\n".join([*kept, student]), "study/recipe.yaml")
    monkeypatch.chdir("/")
    branches = load_recipe(tmp_path / "study" / "recipe.yaml").recipe.student.settings()["branches"]
    assert branches == {"a": {"weights": {"path": here}}, "b": {"weights": here}, "c": {"path": "w.pt"}}


def test_a_path_belongs_to_the_file_that_says_it(write, minimal):
    write("", "base/cohort.csv")
    write("", "child/cohort.csv")
    write(minimal.replace("subjects: 12", "path: cohort.csv"), "base/base.yaml")
    child = write("extends: ../base/base.yaml\nname: child\n", "child/child.yaml")
    assert load_recipe(child).recipe.data.settings()["path"] == str(Path("base/cohort.csv").resolve())
    overridden = load_recipe(child, overrides=["data.path=cohort.csv"])
    assert overridden.recipe.data.settings()["path"] == "cohort.csv"


def test_a_tilde_is_the_home_folder(write, minimal, monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    loaded = load_recipe(write(minimal), overrides=["data.path=~/cohort.csv", "data.name=~/cohort.csv"])
    settings = loaded.recipe.data.settings()
    assert (settings["path"], settings["name"]) == ("/home/someone/cohort.csv", "~/cohort.csv")
