from typing import Annotated, Any, Generic, Literal, TypeVar, get_args, get_origin

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import PydanticCustomError

from xdistill.recipe.load import load_recipe
from xdistill.recipe.schema.fields import model_at

KNOWN = {}
Kind = TypeVar("Kind")


class Choice(Generic[Kind]):
    """A block by name, as components have them in their settings."""


def _choose(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    del handler
    if value["use"] not in KNOWN:
        raise PydanticCustomError("unknown_component", "there is no encoder '{name}'", {"name": value["use"]})
    return KNOWN[value["use"]].model_validate({name: item for name, item in value.items() if name != "use"})


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)


class Encoder(Settings):
    width: Annotated[float, Field(gt=0, description="channels")] = 1.0
    mode: Literal["average", "flatten"] = "average"
    shape: tuple[int, int] | int = 3
    size: int = Field(default=1, description="voxels")


class Network(Settings):
    branches: dict[str, Annotated[Choice[Encoder], WrapValidator(_choose)]]
    depth: int = Field(description="how deep it is")


KNOWN["mri"] = Encoder


def config_of(annotation: Any, value: Any) -> type[BaseModel] | None:
    return KNOWN.get(value["use"]) if get_origin(annotation) is Choice and get_args(annotation) else None


def problems(student: dict[str, Any]) -> list[str]:
    stages = [{"name": "a", "train": ["student"], "epochs": 1, "objective": [{"use": "focal"}]}]
    loaded = load_recipe({"name": "x", "data": {"use": "p"}, "student": {"use": "net", **student}, "stages": stages})
    with pytest.raises(ValidationError) as caught:
        Network.model_validate(student)
    return [
        str(problem) for problem in loaded.problems(caught.value, at=("student",), model=Network, config_of=config_of)
    ]


def branch(**settings: Any) -> dict[str, Any]:
    return {"depth": 1, "branches": {"hbp": {"use": "mri", **settings}}}


@pytest.mark.parametrize(
    ("student", "expected"),
    [
        (
            branch(widht=1),
            [
                (
                    "student.branches.hbp.widht: unknown field `widht`; did you mean `width`? "
                    "Valid fields: `width`, `mode`, `shape`, `size`"
                )
            ],
        ),
        (branch(width=0), ["student.branches.hbp.width: should be greater than 0, got 0"]),
        (
            branch(mode="averag"),
            ["student.branches.hbp.mode: should be 'average' or 'flatten', got 'averag'"],
        ),
        (
            {"branches": {"hbp": {"use": "mir"}}},
            [
                "student.branches.hbp.use: there is no encoder 'mir'",
                "student.depth: this field is required (how deep it is)",
            ],
        ),
        ({"depth": 1, "branchs": {}}, ["student.branches: this field is required"]),
    ],
)
def test_settings_of_components_inside_components(student, expected):
    assert problems(student)[: len(expected)] == expected


def test_the_steps_that_pydantic_adds_for_unions_are_not_shown():
    assert {line.split(":")[0] for line in problems(branch(shape="wide"))} == {"student.branches.hbp.shape"}


def test_a_model_is_found_through_lists_mappings_and_unions():
    class Leaf(BaseModel):
        x: int

    class Tree(BaseModel):
        one: Leaf | None = None
        many: tuple[Leaf, ...] = ()
        named: dict[str, list[Leaf]] = {}

    assert model_at(Tree, ("one",)) is Leaf
    assert model_at(Tree, ("many", 3)) is Leaf
    assert model_at(Tree, ("named", "a", 0)) is Leaf
    assert model_at(Tree, ("named", "a")) is None
    assert model_at(Tree, ("nothing", "here")) is None


class Words(BaseModel):
    text: str = ""
    number: int = 0
    real: float = 0.0
    flag: bool = False
    names: list[str] = []
    pair: tuple[int, int] = (0, 0)
    limited: Annotated[list[int], Field(max_length=1)] = []
    short: Annotated[str, Field(min_length=2)] = "ab"
    few: Annotated[int, Field(le=3)] = 0
    even: Annotated[int, Field(multiple_of=2)] = 0


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("text", 3, "should be a valid string, got 3; put it in quotes"),
        ("text", True, "should be a valid string, got true; put it in quotes"),
        ("number", "x" * 99, f"should be a valid integer, got {'x' * 60 + '...'!r}"),
        ("number", None, "should be a valid integer, got null"),
        ("real", [1], "should be a valid number, got a list"),
        ("flag", "off", "should be a valid boolean, got 'off'; write `false`"),
        ("flag", "on", "should be a valid boolean, got 'on'; write `true`"),
        ("names", "a", "should be a list, got 'a'; write `[a]`"),
        ("names", {"a": 1}, "should be a list, got a mapping"),
        ("pair", [1, 2, 3], "should have at most 2 items, not 3"),
        ("pair", [1], "this item is required"),
        ("limited", [1, 2], "should have at most 1 item, not 2"),
        ("short", "a", "should have at least 2 characters"),
        ("few", 4, "should be less than or equal to 3, got 4"),
        ("even", 3, "should be a multiple of 2, got 3"),
    ],
)
def test_what_pydantic_finds_in_plain_words(field, value, message):
    recipe = {
        "name": "x",
        "data": {"use": "p", field: value},
        "student": {"use": "s"},
        "stages": [{"name": "a", "train": ["student"], "epochs": 1, "objective": [{"use": "f"}]}],
    }
    with pytest.raises(ValidationError) as caught:
        Words.model_validate({field: value}, strict=field == "flag")
    (problem,) = load_recipe(recipe).problems(caught.value, at=("data",), model=Words)
    assert problem.message == message
    assert problem.path.startswith(f"data.{field}")
