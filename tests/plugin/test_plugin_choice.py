"""Components inside settings: resolved by name, and faults told with their place."""

import pytest
from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from plugin.toys import Flat, Other, Share, plugin
from xdistill.interfaces import Choice, Encoder, Metric, Settings
from xdistill.interfaces.component import choose
from xdistill.plugin.catalog import build_catalog


class Nest(Metric):
    """Holds other components."""

    name = "nest"

    class Config(Settings):
        inner: Choice[Metric]
        branches: dict[str, Choice[Encoder]] = {}
        deeper: list[Choice[Metric]] = []

    def __call__(self, *_):
        return 0.0


@pytest.fixture(scope="module")
def catalog():
    return build_catalog([plugin(xdistill_metrics=[Share, Other, Nest], xdistill_encoders=[Flat])])


def places(error):
    return {".".join(map(str, fault["loc"])): fault["type"] for fault in error.errors()}


def test_a_component_is_chosen_and_built(catalog):
    choice = choose(Metric, {"use": "other", "level": 5}, catalog)
    assert (choice.use, choice.component) == ("other", Other)
    assert choice.build()(None, None, ()) == 5.0
    assert choice.dump() == {"use": "other", "level": 5, "weights": {}}
    assert choose(Metric, choice.dump(), catalog) == choice
    assert choose(Metric, "share", catalog).settings == Settings()
    assert choose(Metric, choice, catalog) is choice
    assert repr(choice).startswith("Choice(other, ")


def test_choices_are_told_apart_by_their_settings(catalog):
    first, second = (choose(Metric, {"use": "other", "level": level}, catalog) for level in (1, 2))
    assert first != second
    assert first != "other"


def test_components_inside_components(catalog):
    raw = {
        "use": "nest",
        "inner": {"use": "other", "level": 1},
        "branches": {"hbp": {"use": "flat", "inputs": ["hbp"]}},
        "deeper": ["share", {"use": "nest", "inner": "share"}],
    }
    choice = choose(Metric, raw, catalog)
    assert choice.settings.inner.settings.level == 1
    assert choice.settings.branches["hbp"].settings.inputs == ("hbp",)
    assert choice.settings.deeper[1].settings.inner.use == "share"
    assert choose(Metric, choice.dump(), catalog) == choice


@pytest.mark.parametrize("value", [None, 3, [], {}, {"level": 3}, {"use": 3}, {"use": None}])
def test_what_names_no_component(catalog, value):
    with pytest.raises(PydanticCustomError, match=r"name a component here, as in \{use: some_name\}"):
        choose(Metric, value, catalog)


def test_an_unknown_component(catalog):
    with pytest.raises(PydanticCustomError, match="there is no metric 'shar'; did you mean 'share'"):
        choose(Metric, {"use": "shar"}, catalog)
    with pytest.raises(PydanticCustomError, match="'flat' is an encoder, and a metric is required here"):
        choose(Metric, "flat", catalog)


def test_all_faults_are_told_with_their_place(catalog):
    raw = {
        "use": "nest",
        "inner": {"use": "other", "level": "many", "weights": {"a": "x"}, "strange": 1},
        "branches": {"hbp": {"use": "flat"}, "pre": {"use": "falt"}, "art": 3},
        "deeper": [{"use": "nest", "inner": {"use": "other", "levl": 1}}],
    }
    with pytest.raises(ValidationError) as caught:
        choose(Metric, raw, catalog)
    assert places(caught.value) == {
        "inner.level": "int_parsing",
        "inner.weights.a": "float_parsing",
        "inner.strange": "extra_forbidden",
        "branches.hbp.inputs": "missing",
        "branches.pre": "unknown_component",
        "branches.art": "choice",
        "deeper.0.inner.levl": "extra_forbidden",
    }


def test_settings_are_frozen(catalog):
    choice = choose(Metric, "other", catalog)
    with pytest.raises(ValidationError, match="frozen"):
        choice.settings.level = 4


def test_a_choice_without_a_catalog_is_a_programming_error():
    with pytest.raises(TypeError, match="context="):
        Nest.Config.model_validate({"inner": "share"})


def test_the_json_schema_of_a_choice():
    schema = Nest.Config.model_json_schema()["properties"]["inner"]
    assert schema["required"] == ["use"]
