from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from xdistill.recipe.load import load_recipe
from xdistill.recipe.overrides import apply_overrides, parse_override, parse_overrides
from xdistill.recipe.yaml.nodes import MappingNode, Origin, from_plain, to_plain

BASE = {
    "name": "x",
    "data": {"use": "phantom", "subjects": 12},
    "teacher": None,
    "optimizer": {"lr": 1.0, "clip_norm": 5.0},
    "augment": [{"use": "flip"}, {"use": "affine", "rotate": 1}, {"use": "affine", "rotate": 2}],
    "stages": [{"name": "warm", "epochs": 1}, {"name": "joint", "epochs": 2, "objective": [{"use": "focal"}]}],
}


def changed(*overrides: str, base: Any = None) -> Any:
    root, _ = from_plain(base or BASE, Origin())
    parsed, problems = parse_overrides(overrides)
    assert problems == []
    assert isinstance(root, MappingNode)
    result, problems = apply_overrides(root, parsed)
    assert problems == []
    return to_plain(result)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("1e-4", 1e-4),
        ("true", True),
        ("null", None),
        ("no", "no"),
        ("''", ""),
        ('"3"', "3"),
        ("[1, a]", [1, "a"]),
        ("{x: 1, y: [2]}", {"x": 1, "y": [2]}),
        ("a: b", "a: b"),
        ("a #b", "a #b"),
        ("@x", "@x"),
        ("*x", "*x"),
        ("a=b", "a=b"),
        ("!!python/name:os.system", "!!python/name:os.system"),
        (" 3 ", 3),
        ("C:\\data", "C:\\data"),
    ],
)
def test_values_are_typed_as_yaml(text, value):
    override, problems = parse_override(f"seed={text}")
    assert problems == []
    assert to_plain(override.value) == value
    assert type(to_plain(override.value)) is type(value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("seed", "expected `field=value`"),
        ("", "expected `field=value`"),
        ("=3", "invalid field name"),
        ("a..b=3", "invalid field name"),
        (".a=3", "invalid field name"),
        ("seed=", "missing value after `=`"),
        ("seed=[1", "the bracket that opens here is not closed"),
        ("seed='x", "the quoted text that starts here is not closed"),
        ("seed=[!!python/name:os.system x]", "plain data"),
        ("seed={a: 1, a: 2}", "duplicate field `a`"),
        ("seed=.inf", "finite"),
        ("seed='a': b", "expected one value"),
        ("seed={a: 1}: b", "a field name must be a string"),
        ("seed=[1] x", "after the end of the document"),
    ],
)
def test_malformed_overrides_are_problems_that_name_them(text, words):
    override, (problem,) = parse_override(text)
    assert override is None
    assert problem.source == f"--set {text}"
    assert words in problem.message


def test_lists_take_indices_and_names():
    assert changed("stages.0.epochs=7")["stages"][0]["epochs"] == 7
    assert changed("stages.joint.epochs=7")["stages"][1]["epochs"] == 7
    assert changed("stages.joint.objective.focal.weight=0.5")["stages"][1]["objective"] == [
        {"use": "focal", "weight": 0.5}
    ]
    assert changed("augment.flip.axes=[x]")["augment"][0] == {"use": "flip", "axes": ["x"]}
    assert changed("augment.2={use: noise}")["augment"][2] == {"use": "noise"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stages.7.epochs=1", "`stages` has no item `7`; valid items: 0 to 1, `warm`, `joint`"),
        ("stages.jint.epochs=1", "`stages` has no item `jint`; valid items: 0 to 1, `warm`, `joint`"),
        (
            "augment.affine.rotate=1",
            "`augment` has no item `affine`; valid items: 0 to 2, `flip` (ambiguous: `affine`)",
        ),
        ("name.first=1", "cannot set `first` in `name`: its value is 'x', not a mapping"),
        ("stages.joint.objective.1.use=x", "`stages.1.objective` has no item `1`; valid items: 0, `focal`"),
    ],
)
def test_an_override_without_a_place_is_a_problem(text, message):
    root, _ = from_plain(BASE, Origin())
    parsed, _ = parse_overrides([text])
    _, (problem,) = apply_overrides(root, parsed)
    assert problem.message == message
    assert problem.source == f"--set {text}"


def test_missing_mappings_are_made():
    assert changed("loader.batch_size=4")["loader"] == {"batch_size": 4}
    assert changed("teacher.use=net")["teacher"] == {"use": "net"}


def test_naming_another_component_drops_its_settings_in_either_order():
    expected = {"use": "manifest", "path": "x.csv"}
    assert changed("data.use=manifest", "data.path=x.csv")["data"] == expected
    assert changed("data.path=x.csv", "data.use=manifest")["data"] == expected
    assert changed("data.path=x.csv", "data={use: manifest}")["data"] == expected
    assert changed("data.use=phantom")["data"] == {"use": "phantom", "subjects": 12}


def test_null_takes_a_mapping_away_and_is_a_value_elsewhere():
    assert "optimizer" not in changed("optimizer=null")
    assert changed("optimizer.clip_norm=null")["optimizer"] == {"lr": 1.0, "clip_norm": None}


def test_the_last_of_two_wins():
    assert changed("seed=1", "seed=2")["seed"] == 2


def test_an_override_may_come_from_a_mapping():
    parsed, problems = parse_overrides({"optimizer.lr": 2, "data": {"use": "other"}, "x": object()})
    assert [override.steps for override in parsed] == [("data",), ("optimizer", "lr")]
    assert [str(problem) for problem in problems] == [
        (
            "override x: x: should be plain data (a string, number, boolean, null, list or mapping), "
            "got an object of type `object`"
        )
    ]


def test_a_module_is_one_problem_that_says_where_modules_go(minimal, write, problems_in):
    class Net(nn.Module):
        """A module that a user passes by mistake."""

    (problem,) = problems_in(load_recipe, write(minimal), overrides={"student": Net()})
    assert (problem.source, problem.path) == ("override student", "student")
    assert ".<locals>.Net`; a recipe names its components" in problem.message
    assert "pass a module to `xdistill.training.distill`, or register it in a plugin" in problem.message
    (problem,) = problems_in(load_recipe, {"name": "x", "student": nn.Linear(1, 1)})
    assert "`torch.nn.modules.linear.Linear`" in problem.message


def test_an_unknown_field_is_a_problem_of_the_override(write, minimal, problems_in):
    path = write(minimal)
    (problem,) = problems_in(load_recipe, path, overrides=["optimizer.learning=3"])
    assert problem.source == "--set optimizer.learning=3"
    assert problem.path == "optimizer.learning"
    (problem,) = problems_in(load_recipe, path, overrides=["optimiser.lr=3"])
    assert problem.message == "unknown field `optimiser`; did you mean `optimizer`?"
    assert (problem.source, problem.line) == ("--set optimiser.lr=3", 0)


def test_a_wrong_type_is_a_problem_of_the_override(write, minimal, problems_in):
    (problem,) = problems_in(load_recipe, write(minimal), overrides=["stages.joint.epochs=many"])
    assert str(problem) == ("--set stages.joint.epochs=many: stages.0.epochs: should be a valid integer, got 'many'")


plain_values = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**6), 10**6), st.floats(allow_nan=False, allow_infinity=False)
)


@given(plain_values)
def test_numbers_come_back_as_they_were_written(value):
    text = (
        {None: "null", True: "true", False: "false"}.get(value, repr(value))
        if value in (None, True, False)
        else repr(value)
    )
    override, problems = parse_override(f"a.b={text}")
    assert problems == []
    assert to_plain(override.value) == value


@given(st.text())
def test_any_text_is_read_or_refused_but_never_breaks(text):
    override, problems = parse_override(text)
    assert (override is None) == bool(problems)


@given(st.text(), st.sampled_from(["[", "{", '"', "'", ""]))
def test_any_value_is_read_or_refused_but_never_breaks(text, opening):
    override, problems = parse_override(f"a={opening}{text}")
    assert (override is None) == bool(problems)
