"""Components in words, and blocks of a recipe that validate."""

from enum import Enum
from typing import Annotated

import pytest
from pydantic import Field

from plugin.toys import Other, Share, plugin
from tiny import loaded, tiny
from xdistill.errors import RecipeError
from xdistill.experiment.assemble import assemble
from xdistill.interfaces import Choice, Metric, Settings
from xdistill.interfaces.component import choose
from xdistill.plugin.catalog import build_catalog
from xdistill.plugin.describe import FieldText, docstring, example, fields, in_recipe, source_file
from xdistill.plugin.kinds import BY_NAME


class Inner(Settings):
    """A block within."""

    depth: Annotated[int, Field(ge=2)] = Field(description="how deep")


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Rich(Metric):
    """Has settings of all sorts.

    And a second paragraph.

    Attributes:
        none: for programmers.
    """

    name = "rich"

    class Config(Settings):
        level: Annotated[float, Field(gt=0, le=1)] = Field(description="between\n zero and one")
        taps: Annotated[tuple[str, ...], Field(min_length=2)]
        size: tuple[int, int]
        inner: Inner
        colour: Colour
        metrics: dict[str, Choice[Metric]]
        flag: bool
        maybe: int | None = None
        places: dict[Annotated[str, Field(pattern="^p")], int] = {}
        mode: str = Field(examples=["fast"])

    def __call__(self, *_):
        return 0.0


class Demanding(Share):
    name = "demanding"

    class Config(Settings):
        code: Annotated[str, Field(pattern=r"^\d{4}$")]


@pytest.fixture(scope="module")
def toys():
    return build_catalog([plugin(xdistill_metrics=[Share, Other, Rich, Demanding])])


def test_docstrings_without_what_is_for_programmers():
    assert docstring(Rich) == "Has settings of all sorts.\n\nAnd a second paragraph."
    assert docstring(Other) in {"", docstring(Metric)}


def test_settings_with_types_defaults_and_descriptions():
    found = {field.name: field for field in fields(Rich.Config)}
    assert found["level"] == FieldText("level", "number, ≤ 1, > 0", "required", "between zero and one")
    assert found["taps"].type == "list of text, at least 2"
    assert found["size"].type == "list of 2: whole number"
    assert found["metrics"].type == "mapping from names to a block: metric"
    assert (found["maybe"].type, found["maybe"].default) == ("whole number or null", "null")
    assert found["Inner.depth"] == FieldText("Inner.depth", "whole number, ≥ 2", "required", "how deep")


def test_an_example_validates(toys):
    block = example(toys.entry("metric", "rich"), toys)
    assert block["mode"] == "fast"
    assert block["metrics"] == {"hbp": {"use": "other"}}
    assert block["inner"] == {"depth": 2}
    assert block["colour"] == "red"
    assert block["taps"] == ["hbp", "pre"]
    assert choose(Metric, block, toys).component is Rich


def test_where_no_example_is_found_there_is_none(toys):
    assert example(toys.entry("metric", "demanding"), toys) is None


OF_SEVERAL_TEACHERS = {"ca_mkd", "mst_distill", "mutual_members"}


@pytest.mark.parametrize("kind", ["task_loss", "distillation_loss"])
def test_the_example_of_a_loss_is_an_item_that_can_be_pasted(kind, catalog):
    recipe = tiny()
    data = {**recipe["data"], "shape": [16, 32, 32]}  # maps of several positions
    for name in catalog.names(kind):
        (item,) = in_recipe(kind, example(catalog.entry(kind, name), catalog))
        tasks = catalog.entry(kind, name).component.tasks
        if name in OF_SEVERAL_TEACHERS or (tasks and "classification" not in tasks):
            continue
        objective = recipe["stages"][0]["objective"]
        assemble(loaded(data=data, stages=[{**recipe["stages"][0], "objective": [*objective, item]}]), catalog)


@pytest.mark.parametrize("name", sorted(OF_SEVERAL_TEACHERS))
def test_the_example_of_a_loss_of_several_teachers_can_be_pasted_where_there_are_several(name, catalog):
    recipe = tiny()
    kind = "task_loss" if name == "mutual_members" else "distillation_loss"
    (item,) = in_recipe(kind, example(catalog.entry(kind, name), catalog))
    if kind == "task_loss":
        item = {**item, "on": "teacher"}
    stages = [{**recipe["stages"][0], "objective": [*recipe["stages"][0]["objective"][:2], item]}]
    several = {"use": "several", "members": {"first": recipe["teacher"], "second": recipe["teacher"]}}
    assemble(loaded(teacher=several, stages=stages), catalog)
    with pytest.raises(RecipeError, match=r"has no members; use a teacher such as `several`"):
        assemble(loaded(stages=stages), catalog)


def test_every_bundled_component_has_an_example(catalog):
    for entry in catalog:
        block = example(entry, catalog)
        assert block is not None, f"{entry.kind} {entry.name}: give its fields `examples`"
        assert choose(BY_NAME[entry.kind].interface, block, catalog).component is entry.component


def test_the_file_of_a_component():
    assert source_file(Rich).name == "test_plugin_describe.py"
    assert source_file(type("Made", (Share,), {"__module__": "nowhere"})) is None
