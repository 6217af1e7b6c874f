import os

import pytest

from xdistill.recipe.load import load_recipe

BASE = """\
name: base
data: {use: phantom, subjects: 12, noise: 1}
student: {use: net, width: 0.5, branches: {a: {use: enc}, b: {use: enc}}}
stages:
  - {name: joint, train: [student], epochs: 4, objective: [{use: focal}]}
optimizer: {lr: 1.0e-2, clip_norm: 3.0}
profiles:
  paper:
    data: {noise: 7}
    optimizer: {lr: 1.0e-4}
    crossval: {repeats: 9}
  other:
"""


def test_a_recipe_is_laid_over_what_it_extends(write):
    write(BASE, "base.yaml")
    path = write("extends: base.yaml\nname: child\nstudent: {branches: {b: null}}\noptimizer: {lr: 2}\n", "child.yaml")
    loaded = load_recipe(path)
    assert loaded.recipe.name == "child"
    assert loaded.tree()["student"] == {"use": "net", "width": 0.5, "branches": {"a": {"use": "enc"}}}
    assert loaded.tree()["optimizer"] == {"lr": 2, "clip_norm": 3.0}
    assert [file.name for file in loaded.files] == ["child.yaml", "base.yaml"]
    assert {"extends", "profiles"}.isdisjoint(loaded.tree())


def test_problems_point_to_the_file_that_supplied_the_value(write, problems_in):
    write(BASE.replace("lr: 1.0e-2", "lr: -1"), "shared/base.yaml")
    path = write("extends: shared/base.yaml\nname: child\nstages:\n  - {name: x, batch_size: 2}\n", "child.yaml")
    places = {
        (problem.path, problem.source, problem.line, problem.column) for problem in problems_in(load_recipe, path)
    }
    assert places == {
        ("optimizer.lr", "shared/base.yaml", 6, 17),
        ("stages.0.train", "child.yaml", 4, 5),
        ("stages.0.epochs", "child.yaml", 4, 5),
        ("stages.0.objective", "child.yaml", 4, 5),
    }


def test_what_is_missing_in_all_files_is_missed_in_the_one_the_user_named(write, problems_in):
    write("name: base\nstages: []\n", "base.yaml")
    path = write("# child\nextends: base.yaml\n", "child.yaml")
    places = {(problem.path, problem.source, problem.line) for problem in problems_in(load_recipe, path)}
    assert places == {("data", "child.yaml", 2), ("student", "child.yaml", 2), ("stages", "base.yaml", 2)}


def test_a_bundled_recipe_can_be_extended(write):
    loaded = load_recipe(write("extends: mvi_hcc\nname: mine\nseed: 5\n"))
    assert (loaded.recipe.name, loaded.recipe.seed, loaded.recipe.data.use) == ("mine", 5, "hcc_phantom")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "extends: bse.yaml",
            "recipe.yaml:1:10: extends: no file `bse.yaml` in the folder of this recipe; did you mean",
        ),
        ("extends: mvi_hc", "recipe.yaml:1:10: extends: unknown bundled recipe `mvi_hc`; did you mean `mvi_hcc`?"),
        ("extends: [a, b]", "recipe.yaml:1:10: extends: should be a recipe file"),
        ("extends:", "recipe.yaml:1:1: extends: should be a recipe file"),
        ("name: x\nextends: recipe.yaml", "recipe.yaml:2:10: extends: circular `extends`: recipe.yaml -> recipe.yaml"),
        ("extends: empty.yaml", "empty.yaml: the file is empty"),
        ("extends: broken.yaml", "broken.yaml:2:1: invalid YAML"),
        ("extends: list.yaml", "list.yaml:1:1: a recipe should be a mapping"),
        ("extends: pipe.yaml", "recipe.yaml:1:10: extends: expected a recipe file, got a named pipe: `pipe.yaml`"),
    ],
)
def test_a_base_that_cannot_be_had(write, problems_in, text, message):
    write(BASE, "base.yaml")
    write("", "empty.yaml")
    write("a: 1\n\tb: 2\n", "broken.yaml")
    write("[1]", "list.yaml")
    os.mkfifo("pipe.yaml")
    (problem,) = problems_in(load_recipe, write(text))
    assert str(problem).startswith(message)


def test_a_circle_through_several_files_is_named(write, problems_in):
    write("extends: b.yaml", "a.yaml")
    write("extends: sub/c.yaml", "b.yaml")
    write("extends: ../b.yaml", "sub/c.yaml")
    (problem,) = problems_in(load_recipe, "a.yaml")
    assert problem.message.endswith("b.yaml -> c.yaml -> b.yaml")
    assert problem.source == "sub/c.yaml"


def test_a_profile_is_laid_over_the_recipe(write):
    path = write(BASE)
    assert load_recipe(path).tree()["optimizer"]["lr"] == 0.01
    loaded = load_recipe(path, profile="paper")
    assert loaded.profile == "paper"
    assert loaded.tree()["optimizer"] == {"lr": 1.0e-4, "clip_norm": 3.0}
    assert loaded.recipe.crossval.repeats == 9
    assert load_recipe(path, profile="other").recipe == load_recipe(path).recipe


def test_a_profile_extends_the_base_s_profile_of_the_same_name(write):
    write(BASE, "base.yaml")
    profiles = "profiles: {paper: {crossval: {folds: 3}}, mine: {seed: 2}}\n"
    path = write("extends: base.yaml\nname: child\noptimizer: {lr: 5}\n" + profiles, "child.yaml")
    paper = load_recipe(path, profile="paper").recipe
    assert (paper.crossval.repeats, paper.crossval.folds, paper.optimizer.lr) == (9, 3, 1.0e-4)
    assert load_recipe(path, profile="mine").recipe.seed == 2
    assert load_recipe(path, profile="other").recipe.optimizer.lr == 5


def test_a_profile_can_take_a_block_away_that_a_base_s_profile_changes(write):
    write(BASE, "base.yaml")
    path = write("extends: base.yaml\nname: child\nprofiles: {paper: {optimizer: null}}\n", "child.yaml")
    assert load_recipe(path, profile="paper").recipe.optimizer.lr == 1e-3  # the default


def test_what_a_base_s_profile_says_of_a_component_does_not_reach_another(write):
    write(BASE, "base.yaml")
    path = write("extends: base.yaml\nname: child\ndata: {use: manifest, path: x.csv}\n", "child.yaml")
    assert load_recipe(path, profile="paper").tree()["data"] == {"use": "manifest", "path": "x.csv"}


def test_a_profile_that_names_a_component_replaces_the_block(write):
    text = BASE.replace("data: {noise: 7}", "data: {use: big}")
    write(text, "base.yaml")
    path = write("extends: base.yaml\nname: child\nprofiles: {paper: {data: {size: 3}}}\n", "child.yaml")
    assert load_recipe(path, profile="paper").tree()["data"] == {"use": "big", "size": 3}


def test_problems_in_a_profile_point_into_it(write, problems_in):
    path = write(BASE.replace("repeats: 9", "repeat: 9"))
    load_recipe(path)
    (problem,) = problems_in(load_recipe, path, profile="paper")
    assert str(problem) == (
        "recipe.yaml:11:16: crossval.repeat: unknown field `repeat`; did you mean `repeats`? "
        "Valid fields: `folds`, `repeats`, `stratify`, `seed`, `validation`, `official`, "
        "`by`, `column`, `words`, `tested`, `since`, `files`"
    )


def test_an_unknown_profile_is_refused_with_what_is_near(write, problems_in):
    (problem,) = problems_in(load_recipe, write(BASE), profile="papre")
    assert (
        str(problem)
        == "--profile papre: unknown profile `papre`; did you mean `paper`? Valid profiles: `other`, `paper`"
    )


@pytest.mark.parametrize(
    ("profiles", "place"),
    [
        ("profiles: [a]", (7, 11, "profiles")),
        ("profiles: {a: 3}", (7, 12, "profiles.a")),
        ("profiles: {a: {extends: x}}", (7, 16, "profiles.a.extends")),
        ("profiles:\n  a:\n    profiles: {}", (9, 5, "profiles.a.profiles")),
    ],
)
def test_profiles_of_a_wrong_shape_are_refused(write, problems_in, profiles, place):
    (problem,) = problems_in(load_recipe, write(BASE[: BASE.index("profiles:")] + profiles))
    assert (problem.line, problem.column, problem.path) == place


def test_overrides_come_last(write):
    loaded = load_recipe(write(BASE), profile="paper", overrides=["optimizer.lr=7", "stages.joint.epochs=2"])
    assert (loaded.recipe.optimizer.lr, loaded.recipe.stages[0].epochs) == (7, 2)
