import json
import os
import pickle
import subprocess
import sys

import pytest

from xdistill.errors import RecipeError
from xdistill.recipe.layers import find_recipe
from xdistill.recipe.load import load_recipe
from xdistill.recipe.schema.recipe import Recipe

EXPECTED = """\
recipe.yaml:1:7: name: 'a b' is not allowed; letters, digits, `_`, `.` and `-`, in parts with `/` between; \
also the folder below `runs/`
recipe.yaml:2:1: extra: unknown field `extra`; did you mean `executor`?
recipe.yaml:3:7: data.use: this field is required (name of the component; `xdistill plugins list` shows all)
recipe.yaml:3:21: data.path: the environment variable `XDISTILL_NOT_SET` is not set; set it, or write a default: \
`${XDISTILL_NOT_SET:-default}`
recipe.yaml:4:10: student: should be a mapping, got 'net'; to name a component write `{use: net}`
recipe.yaml:7:12: stages.0.train: should have at least 1 item, not 0
recipe.yaml:8:13: stages.0.epochs: should be a valid integer, got '3'
recipe.yaml:9:16: stages.0.objective: should have at least 1 item, not 0
recipe.yaml:10:5: stages.1.name: this field is required (unique among the stages)
recipe.yaml:10:12: stages.1.train: should be a list, got 'student'; write `[student]`
recipe.yaml:11:5: stages.1.epochz: unknown field `epochz`; did you mean `epochs`? \
Valid fields: `name`, `train`, `epochs`, `objective`, `optimizer`, `batch_size`, `cross_fit`
recipe.yaml:12:13: stages.1.epochs: should be a valid integer, got 'no'
recipe.yaml:13:16: stages.1.objective: should be a list, got a mapping
recipe.yaml:14:5: stages.2: should be a mapping, got 5
recipe.yaml:15:17: optimizer.lr: should be greater than 0, got -0.001
recipe.yaml:15:29: optimizer.use: should be 'adamw', 'adam' or 'sgd', got 'adamx'
recipe.yaml:15:36: optimizer.lr: duplicate field `lr`; first set in line 15
recipe.yaml:15:53: optimizer.schedule: the tag `!!python/name:os.system` is not allowed: a recipe is plain data
recipe.yaml:15:53: optimizer.schedule: should be 'cosine', 'constant' or 'linear', got 3
recipe.yaml:17:14: loader.drop_last: should be a valid boolean, got 'no'; write `false`
recipe.yaml:18:14: loader.memory_mb: should be greater than or equal to 1, got 0
recipe.yaml:19:7: seed: should be a valid integer, got 1.5
recipe.yaml:20:1: transforms: should be a list, got null
--profile paper: unknown profile `paper`; the recipe has no profiles
--set seed: expected `field=value`, such as `optimizer.lr=1e-4`"""


def test_a_recipe_is_read(write, minimal):
    loaded = load_recipe(write(minimal))
    assert loaded.source == "recipe.yaml"
    assert loaded.profile is None
    assert [file.name for file in loaded.files] == ["recipe.yaml"]
    assert loaded.recipe.stages[0].objective[0].settings() == {"gamma": 2.0}
    assert loaded.recipe.data.raw() == {"use": "phantom", "subjects": 12}
    assert loaded.tree()["stages"][0]["objective"] == [{"use": "focal", "on": "student", "gamma": 2.0}]
    assert "optimizer" not in loaded.tree()


def test_all_problems_are_told_at_once_each_with_its_place(write, problems_in):
    text = """\
name: a b
extra: 1
data: {us: x, path: '${XDISTILL_NOT_SET}'}
student: net
stages:
  - name: joint
    train: []
    epochs: "3"
    objective: []
  - train: student
    epochz: 2
    epochs: no
    objective: {use: x}
  - 5
optimizer: {lr: -1e-3, use: adamx, lr: 4, schedule: !!python/name:os.system 3}
loader:
  drop_last: no
  memory_mb: 0
seed: 1.5
transforms:
"""
    problems = problems_in(load_recipe, write(text), profile="paper", overrides=["seed"])
    assert "\n".join(str(problem) for problem in problems) == EXPECTED


def test_what_is_missing_is_missed_at_the_top(write, problems_in):
    problems = problems_in(load_recipe, write("# a remark\nname: x\n"))
    assert [(problem.path, problem.line, problem.column) for problem in problems] == [
        ("data", 2, 1),
        ("student", 2, 1),
        ("stages", 2, 1),
    ]


def test_stages_have_names_of_their_own(write, minimal, problems_in):
    text = minimal + "  - name: joint\n    train: [student]\n    epochs: 1\n    objective: [{use: focal}]\n"
    (problem,) = problems_in(load_recipe, write(text))
    assert str(problem) == (
        "recipe.yaml:10:11: stages.1.name: duplicate stage name `joint`; the names of stages must be unique"
    )


@pytest.mark.parametrize("name", ["../x", "x/../y", "/x", "x/", "x//y", ".hidden", "a b", "x\\y", ""])
def test_a_name_cannot_leave_the_runs_folder(write, minimal, problems_in, name):
    (problem,) = problems_in(load_recipe, write(minimal), overrides={"name": name})
    assert problem.path == "name"


@pytest.mark.parametrize(
    ("content", "place", "words"),
    [
        (b"", (0, 0), "the file is empty"),
        (b"# nothing\n", (0, 0), "the file is empty"),
        (b"null\n", (0, 0), "the file is empty"),
        (b"- a\n- b\n", (1, 1), "a recipe should be a mapping of fields"),
        (b"just text\n", (1, 1), "a recipe should be a mapping of fields"),
        ("name: café\n".encode("latin-1"), (1, 10), "not UTF-8"),
        ("name: x\n".encode("utf-16"), (1, 1), "not UTF-8"),
        (b"\xef\xbb\xbfname: caf\xe9", (1, 10), "not UTF-8"),
        (b"name: x\n\tseed: 1\n", (2, 1), "indent with spaces"),
        (b"a: " + b"x" * (256 * 1024), (0, 0), "256 KiB"),
    ],
)
def test_a_file_that_is_no_recipe_is_refused(write, problems_in, content, place, words):
    (problem,) = problems_in(load_recipe, write(content))
    assert (problem.source, (problem.line, problem.column)) == ("recipe.yaml", place)
    assert words in problem.message


def test_a_byte_order_mark_is_no_harm(write, minimal):
    assert load_recipe(write(b"\xef\xbb\xbf" + minimal.encode())).recipe.name == "liver/alone"


def test_a_file_that_is_not_there_is_refused_with_what_is_near(write, minimal, problems_in, tmp_path):
    write(minimal, "liver.yaml")
    (problem,) = problems_in(load_recipe, "livre.yaml")
    assert str(problem) == "livre.yaml: no such file; did you mean `liver.yaml`? Valid files: `liver.yaml`"
    (problem,) = problems_in(load_recipe, "mvi_hc")
    assert str(problem) == "mvi_hc: no such file or bundled recipe; did you mean `mvi_hcc`?"
    (problem,) = problems_in(load_recipe, tmp_path)
    assert "folder" in problem.message
    (problem,) = problems_in(load_recipe, "../../etc/passwd")
    assert "no such file" in problem.message


def test_a_bundled_recipe_is_found_by_its_bare_name(write):
    write("")  # elsewhere is the working directory
    loaded = load_recipe("mvi_hcc")
    assert loaded.recipe.name == "mvi_hcc/cmdnet"
    assert loaded.files[0].name == "mvi_hcc.yaml"


def test_a_file_wins_over_a_bundled_recipe(write, minimal):
    write(minimal, "mvi_hcc")
    assert load_recipe("mvi_hcc").recipe.name == "liver/alone"


def test_problems_of_others_get_the_place_of_the_nearest_ancestor(write, minimal):
    loaded = load_recipe(write(minimal), overrides=["student.width=1"])
    assert str(loaded.problem(("stages", 0, "objective", 0, "gamma"), "too large")) == (
        "recipe.yaml:9:42: stages.0.objective.0.gamma: too large"
    )
    assert str(loaded.problem(("data", "subjects"), "?", key=True)) == "recipe.yaml:2:22: data.subjects: ?"
    assert str(loaded.problem(("data", "shape"), "?")) == "recipe.yaml:2:7: data.shape: ?"
    assert str(loaded.problem(("student", "width"), "?")) == "--set student.width=1: student.width: ?"
    assert str(loaded.problem(("student",), "?")) == "recipe.yaml:3:10: student: ?"
    assert str(loaded.problem(("loader", "workers"), "?")) == "recipe.yaml:1:1: loader.workers: ?"
    # what pydantic adds below a scalar is left out
    assert str(loaded.problem(("data", "subjects", "int"), "?")) == "recipe.yaml:2:32: data.subjects: ?"


def test_python_may_pass_a_mapping_or_a_recipe(write, minimal, problems_in):
    loaded = load_recipe(write(minimal))
    for given in (loaded.tree(), loaded.recipe, loaded):
        again = load_recipe(given, overrides=["seed=4"])
        assert again.recipe == loaded.recipe.model_copy(update={"seed": 4})
    assert load_recipe(loaded) is loaded
    assert load_recipe("recipe.yaml").recipe == loaded.recipe
    (problem,) = problems_in(load_recipe, {**loaded.tree(), "seed": "x"})
    assert str(problem) == "seed: should be a valid integer, got 'x'"
    (problem,) = problems_in(load_recipe, [1])
    assert "a recipe should be a mapping of fields" in problem.message


def test_python_mappings_may_extend_and_have_profiles(write, minimal):
    write(minimal)
    given = {"extends": "recipe.yaml", "seed": 3, "profiles": {"quick": {"crossval": {"folds": 2}}}}
    loaded = load_recipe(given, profile="quick")
    assert (loaded.recipe.name, loaded.recipe.seed, loaded.recipe.crossval.folds) == ("liver/alone", 3, 2)


def test_what_is_no_data_is_refused(problems_in, write, minimal):
    tree = load_recipe(write(minimal)).tree()
    tree["data"]["subjects"] = float("nan")
    tree["student"]["width"] = object()
    assert [str(problem) for problem in problems_in(load_recipe, tree)] == [
        "data.subjects: numbers must be finite, got nan",
        (
            "student.width: should be plain data (a string, number, boolean, null, list or mapping), "
            "got an object of type `object`"
        ),
    ]


def test_a_loaded_recipe_goes_through_pickle(write, minimal):
    loaded = load_recipe(write(minimal))
    assert pickle.loads(pickle.dumps(loaded)) == loaded  # noqa: S301 - made one line above


def test_the_resolved_recipe_is_a_recipe(write, minimal):
    recipe = load_recipe(write(minimal)).recipe
    assert Recipe.model_validate_json(json.dumps(recipe.model_dump(mode="json")), strict=True) == recipe


def test_callbacks_are_blocks_in_order_and_left_out_of_a_dump_when_there_are_none(write, minimal):
    path = write(minimal)
    assert "callbacks" not in load_recipe(path).recipe.model_dump(mode="json")
    written = [{"use": "ema", "decay": 0.99}, {"use": "freeze"}]
    loaded = load_recipe(path, overrides={"callbacks": written})
    assert [block.use for block in loaded.recipe.callbacks] == ["ema", "freeze"]
    assert loaded.recipe.callbacks[0].settings() == {"decay": 0.99}
    assert loaded.recipe.model_dump(mode="json")["callbacks"] == written
    fewer = load_recipe(path, overrides={"callbacks": [{"use": "ema"}]})
    assert load_recipe(loaded, overrides={"callbacks": [{"use": "ema"}]}).recipe == fewer.recipe  # a list replaces


@pytest.mark.parametrize("name", ["9" * 400, "a/" + "9" * 400 + ".yaml", "a\0b"])
def test_a_name_that_no_file_can_have_is_not_found(problems_in, name):
    (problem,) = problems_in(load_recipe, name)
    assert "no such file" in problem.message
    (problem,) = problems_in(load_recipe, {"extends": name})
    assert problem.path == "extends"


def test_the_models_are_exported_and_import_neither_torch_nor_plugins():
    code = (
        "import sys; from xdistill.recipe.schema import Block, Recipe, Tune; "
        "print([name for name in sys.modules if name.partition('.')[0] in {'torch', 'pluggy', 'numpy'}])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_reading_a_recipe_imports_no_torch():
    code = "import sys, xdistill.recipe.load as load; load.load_recipe('mvi_hcc'); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize(("name", "kind"), [("/dev/zero", "a device"), ("pipe", "a named pipe"), (".", "a folder")])
def test_what_is_no_file_is_named(name, kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    with pytest.raises(RecipeError, match=f"expected a recipe file, got {kind}"):
        find_recipe(name)
