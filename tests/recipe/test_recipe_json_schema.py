import pytest
from jsonschema import Draft202012Validator

from xdistill.recipe.bundled import bundled_folder, bundled_names
from xdistill.recipe.schema.json_schema import recipe_json_schema
from xdistill.recipe.schema.recipe import Recipe
from xdistill.recipe.yaml.nodes import to_plain
from xdistill.recipe.yaml.reader import read_yaml

MINIMAL = {
    "name": "x",
    "data": {"use": "p", "size": 3},
    "student": {"use": "s"},
    "stages": [{"name": "a", "train": ["student"], "epochs": 1, "objective": [{"use": "focal", "gamma": 2}]}],
}


@pytest.fixture(scope="module")
def validator():
    schema = recipe_json_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@pytest.mark.parametrize("name", bundled_names())
def test_the_bundled_recipes_fit(validator, name):
    text = (bundled_folder() / f"{name}.yaml").read_text(encoding="utf-8")
    assert list(validator.iter_errors(to_plain(read_yaml(text, name).root))) == []


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"teacher": None},
        {"teacher": {"use": "t", "anything": [1]}},
        {"optimizer": {"lr": 1, "clip_norm": None}},
        {"profiles": {"paper": {"student": {"width": 1}, "teacher": None, "optimizer": None}, "none": None}},
    ],
)
def test_good_recipes_fit(validator, change):
    assert list(validator.iter_errors({**MINIMAL, **change})) == []


@pytest.mark.parametrize(
    "change",
    [
        {"name": "../x"},
        {"extra": 1},
        {"student": {"width": 1}},
        {"student": None},
        {"seed": "1"},
        {"stages": []},
        {"optimizer": {"lr": 0}},
        {"profiles": {"paper": {"extra": 1}}},
        {"profiles": {"paper": {"profiles": {}}}},
        {"profiles": {"paper": {"stages": [{"name": "a"}]}}},
        {"extends": ""},
    ],
)
def test_faulty_recipes_do_not(validator, change):
    assert list(validator.iter_errors({**MINIMAL, **change}))


def test_a_recipe_that_extends_needs_no_more(validator):
    assert list(validator.iter_errors({"extends": "mvi_hcc", "student": {"width": 1}})) == []
    assert list(validator.iter_errors({"student": {"width": 1}}))


def test_every_field_is_described():
    definitions = recipe_json_schema()["$defs"]
    names = (
        "Recipe",
        "PartialRecipe",
        "TrainStage",
        "FitStage",
        "Term",
        "Block",
        "Optimizer",
        "Loader",
        "Compute",
        "Crossval",
    )
    for name in names:
        for field, said in definitions[name]["properties"].items():
            assert said.get("description"), (name, field)
    assert set(definitions["Recipe"]["properties"]) == {"extends", "profiles", *Recipe.model_fields}
