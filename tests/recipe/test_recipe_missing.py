"""`missing` in a recipe."""

import pytest

from tiny import tiny
from xdistill.errors import RecipeError
from xdistill.recipe.load import load_recipe
from xdistill.recipe.schema.missing import Missing
from xdistill.recipe.schema.recipe import Recipe


@pytest.mark.parametrize(
    ("written", "dumped"),
    [
        ("skip", {"use": "skip"}),
        ({"use": "leave_out"}, {"use": "leave_out"}),
        ("modality_dropout", {"use": "modality_dropout", "rate": 0.3}),
        ({"use": "modality_dropout", "rate": 0.5}, {"use": "modality_dropout", "rate": 0.5}),
    ],
)
def test_a_name_alone_will_do(written, dumped):
    missing = load_recipe(tiny(missing=written)).recipe.missing
    assert missing.model_dump(mode="json") == dumped
    assert Missing.model_validate(dumped) == missing


def test_recipes_that_say_nothing_are_dumped_as_they_were():
    plain = load_recipe(tiny()).recipe.model_dump(mode="json")
    assert not {"missing", "control"} & set(plain)
    asked = load_recipe(tiny(missing="impute", control="label_smoothing")).recipe.model_dump(mode="json")
    assert (asked["missing"], asked["control"]) == ({"use": "impute"}, "label_smoothing")


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("skp", "or 'leave_out', got 'skp'"),
        ({"use": "skip", "rate": 0.2}, "`rate` applies to `modality_dropout` only, not to `skip`"),
        ({"use": "modality_dropout", "rate": 1.0}, "missing.rate: should be less than 1, got 1.0"),
        ({"usee": "skip"}, "unknown field `usee`; did you mean `use`?"),
        (3, "missing: should be a mapping, got 3"),
    ],
)
def test_what_is_wrong_is_told_where_it_is(written, message):
    with pytest.raises(RecipeError) as found:
        load_recipe(tiny(missing=written))
    assert message in str(found.value)


def test_editors_are_told_of_both_forms():
    name, mapping = Recipe.model_json_schema()["$defs"]["Missing"]["anyOf"]
    assert name["enum"] == mapping["properties"]["use"]["enum"]
    assert "skip" in name["enum"]
