from hypothesis import example, given
from hypothesis import strategies as st

from xdistill.recipe.load import load_recipe
from xdistill.recipe.yaml.nodes import to_plain
from xdistill.recipe.yaml.reader import read_yaml
from xdistill.recipe.yaml.writer import write_yaml

text = st.text(st.characters(codec="utf-8"), max_size=20)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    text,
    st.sampled_from(["no", "1e5", ".5e3", "1_0", "0o7", "null", "~", "", "=", "<<", "a: b", "# x", "- x", ".inf", "é"]),
)
trees = st.dictionaries(
    text,
    st.recursive(
        scalars,
        lambda below: st.one_of(st.lists(below, max_size=3), st.dictionaries(text, below, max_size=3)),
        max_leaves=8,
    ),
    max_size=4,
)


@given(trees)
@example({"<<": {"a": 1}, "no": 1, "1e5": "1e5"})
@example({"a": "x" * 300, "b": "word " * 60})
@example({"a": "line\n\n  indented\n", "b": "\ttab", "c": "\x85\u2028\ufeff"})
def test_what_is_written_reads_back(tree):
    reading = read_yaml(write_yaml(tree), "")
    assert reading.problems == ()
    assert to_plain(reading.root) == tree


def test_lists_of_scalars_stay_on_one_line():
    tree = {"name": "x", "data": {"use": "p", "shape": (12, 24)}, "stages": [{"name": "a", "train": ["b"]}], "e": []}
    assert write_yaml(tree) == (
        "name: x\ndata:\n  use: p\n  shape: [12, 24]\nstages:\n- name: a\n  train: [b]\ne: []\n"
    )


def test_the_result_is_yaml_1_2_in_which_on_is_text():
    assert write_yaml({"on": "student", "x": "off"}) == "on: student\nx: off\n"


def test_one_object_in_two_places_is_written_twice():
    shared = {"a": 1}
    assert write_yaml({"x": shared, "y": shared}) == "x:\n  a: 1\ny:\n  a: 1\n"


def test_a_loaded_recipe_written_out_is_the_same_recipe(write):
    loaded = load_recipe("mvi_hcc")
    again = load_recipe(write(write_yaml(loaded.tree())))
    assert again.recipe == loaded.recipe
    assert load_recipe(again.tree()).recipe == loaded.recipe
