from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xdistill.recipe.merge import merge, put, written_for
from xdistill.recipe.yaml.nodes import MappingNode, Origin, from_plain, locate, to_plain


def tree(plain: Any, source: str = "base") -> MappingNode:
    node, problems = from_plain(plain, Origin(source, 1, 1))
    assert problems == []
    assert isinstance(node, MappingNode)
    return node


def merged(base: dict[str, Any], over: dict[str, Any]) -> Any:
    return to_plain(merge(tree(base), tree(over, "over")))


@pytest.mark.parametrize(
    ("base", "over", "result"),
    [
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}}, {"a": {"b": 3, "c": 2}}),
        ({"a": [1, 2, 3]}, {"a": [4]}, {"a": [4]}),
        ({"a": [{"x": 1}]}, {"a": [{"y": 1}]}, {"a": [{"y": 1}]}),
        ({"a": 1}, {"a": {"b": 1}}, {"a": {"b": 1}}),
        ({"a": {"b": 1}}, {"a": 1}, {"a": 1}),
        ({"a": {"use": "x", "b": 1}}, {"a": {"use": "x", "c": 2}}, {"a": {"use": "x", "b": 1, "c": 2}}),
        ({"a": {"use": "x", "b": 1}}, {"a": {"use": "y", "c": 2}}, {"a": {"use": "y", "c": 2}}),
        ({"a": {"use": "x", "b": 1}}, {"a": {"c": 2}}, {"a": {"use": "x", "b": 1, "c": 2}}),
        ({"a": {"b": 1}}, {"a": None}, {}),
        ({"a": {"p": {"b": 1}, "q": {"b": 2}}}, {"a": {"p": None}}, {"a": {"q": {"b": 2}}}),
        ({"a": 5.0}, {"a": None}, {"a": None}),
        ({"a": [1]}, {"a": None}, {"a": None}),
        ({}, {"a": None}, {"a": None}),
        ({"a": None}, {"a": {"b": 1}}, {"a": {"b": 1}}),
    ],
)
def test_how_layers_merge(base, over, result):
    assert merged(base, over) == result


def test_each_value_keeps_the_origin_that_supplied_it():
    root = merge(tree({"a": {"use": "x", "b": 1, "c": 2}, "d": {"e": 1}}), tree({"a": {"b": 3}, "d": {"f": 1}}, "over"))
    sources = {path: locate(root, path).source for path in [("a",), ("a", "b"), ("a", "c"), ("d", "e"), ("d", "f")]}
    assert sources == {
        ("a",): "base",
        ("a", "b"): "over",
        ("a", "c"): "base",
        ("d", "e"): "base",
        ("d", "f"): "over",
    }


def test_a_block_is_where_its_component_is_named():
    root = merge(tree({"a": {"use": "x"}}), tree({"a": {"use": "x", "b": 1}}, "over"))
    assert locate(root, ("a",)).source == "over"


def test_refinements_do_not_follow_another_component():
    base = tree({"data": {"use": "phantom", "size": 1}, "seed": 0})
    refinement = written_for(tree({"data": {"size": 9}, "seed": 5}, "profile"), base)
    assert to_plain(merge(base, refinement)) == {"data": {"use": "phantom", "size": 9}, "seed": 5}
    other = tree({"data": {"use": "manifest", "path": "x"}, "seed": 0})
    assert to_plain(merge(other, refinement)) == {"data": {"use": "manifest", "path": "x"}, "seed": 5}


def test_refinements_do_not_bring_back_a_component_that_was_taken_away():
    base = tree({"teacher": {"use": "net", "branches": {"pre": {"use": "mri", "width": 1}}}, "seed": 0})
    refinement = written_for(tree({"teacher": {"branches": {"pre": {"width": 9}}}}, "profile"), base)
    assert to_plain(merge(tree({"seed": 0}), refinement)) == {"seed": 0}
    without_branch = tree({"teacher": {"use": "net", "branches": {}}})
    assert to_plain(merge(without_branch, refinement)) == {"teacher": {"use": "net", "branches": {}}}


names = st.sampled_from(["a", "b", "c", "use"])
scalars = st.one_of(st.integers(0, 3), st.sampled_from(["x", "y"]))
mappings = st.dictionaries(
    names,
    st.recursive(
        scalars,
        lambda below: st.one_of(st.lists(below, max_size=2), st.dictionaries(names, below, max_size=3)),
        max_leaves=6,
    ),
    max_size=4,
)


@given(mappings)
def test_merging_with_nothing_or_itself_changes_nothing(mapping):
    assert merged(mapping, {}) == mapping
    assert merged({}, mapping) == mapping
    assert merged(mapping, mapping) == mapping


@given(mappings, mappings)
def test_what_lies_above_is_found_below_and_a_second_time_changes_nothing(base, over):
    once = merged(base, over)
    assert merged(once, over) == once
    assert _holds(once, over)


@given(mappings, mappings)
def test_merging_leaves_its_inputs_alone(base, over):
    lower, upper = tree(base), tree(over)
    merge(lower, upper)
    assert (to_plain(lower), to_plain(upper)) == (base, over)


@given(mappings, st.lists(st.sampled_from(["p", "q", "r"]), min_size=1, max_size=3), scalars)
def test_what_is_put_is_found(mapping, path, value):
    leaf, _ = from_plain(value, Origin("--set"))
    found = to_plain(put(tree(mapping), tuple(path), leaf))
    for part in path:
        found = found[part]
    assert found == value


def _holds(whole: Any, part: Any) -> bool:
    if isinstance(part, dict):
        return all(name in whole and _holds(whole[name], value) for name, value in part.items())
    return bool(whole == part)
