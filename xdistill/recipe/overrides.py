"""Changes of single fields: ``--set a.b=c``, or a mapping from Python."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xdistill.errors import Problem
from xdistill.recipe.merge import is_null, put
from xdistill.recipe.yaml.nodes import (
    ListNode,
    MappingNode,
    Node,
    Origin,
    ScalarNode,
    TreePath,
    child,
    dotted,
    from_plain,
    to_plain,
)
from xdistill.recipe.yaml.reader import read_yaml
from xdistill.recipe.yaml.scalars import resolve_plain

Overrides = Sequence[str] | Mapping[str, Any]
_OPENS_FLOW = ("[", "{", '"', "'")


@dataclass(frozen=True)
class Override:
    """One change.

    Attributes:
        steps: names and indices as the user wrote them; a step into a list may be an index or a name.
        value: what to merge into that field.
    """

    steps: tuple[str, ...]
    value: Node


def parse_overrides(overrides: Overrides) -> tuple[list[Override], list[Problem]]:
    """All overrides in the order in which they apply, and the problems of those that are malformed.

    Those that name a component come first, so that ``--set data.path=x --set data.use=manifest`` means the same in
    either order.
    """
    if isinstance(overrides, Mapping):
        parsed = [_from_python(str(key), value) for key, value in overrides.items()]
    elif isinstance(overrides, str):
        parsed = [parse_override(overrides)]
    else:
        parsed = [parse_override(text) for text in overrides]
    good = [override for override, _ in parsed if override]
    problems = [problem for _, found in parsed for problem in found]
    return sorted(good, key=_turn), problems


def parse_override(text: str) -> tuple[Override | None, list[Problem]]:
    """Read ``a.b=c``; the value is a YAML scalar, or a list or mapping in brackets."""
    origin = Origin(source=f"--set {text}")
    key, equals, value = text.partition("=")
    if not equals:
        return None, [origin.problem("expected `field=value`, such as `optimizer.lr=1e-4`")]
    steps = tuple(part.strip() for part in key.split("."))
    if not all(steps):
        return None, [origin.problem(_not_a_field(key.strip()))]
    node, messages = parse_value(value, origin)
    if messages or node is None:
        return None, [origin.problem(message, steps) for message in messages]
    return Override(steps, node), []


def parse_value(text: str, origin: Origin) -> tuple[Node | None, list[str]]:
    """The value of an override, and messages about what is wrong with it."""
    text = text.strip()
    if not text:
        return None, ["missing value after `=`; write `null`, or `''` for an empty string"]
    if not text.startswith(_OPENS_FLOW):
        node, problems = from_plain(resolve_plain(text), origin)
        return node, [problem.message for problem in problems]
    reading = read_yaml(text, origin.source)
    if reading.root is None or reading.problems:
        return None, [problem.message for problem in reading.problems]
    if _kind_by_bracket(text) is not type(reading.root):
        return None, [
            "expected one value: a scalar, a `[list]` or a `{field: value}` mapping; put other text in quotes"
        ]
    return from_plain(to_plain(reading.root), origin)[0], []


def apply_overrides(root: MappingNode, overrides: Iterable[Override]) -> tuple[MappingNode, list[Problem]]:
    """The tree with all overrides applied, and the problems of those whose field does not exist."""
    problems: list[Problem] = []
    for override in overrides:
        path, message = find_place(root, override.steps)
        if message:
            problems.append(override.value.origin.problem(message, override.steps))
            continue
        changed = put(root, path, override.value)
        if isinstance(changed, MappingNode):
            root = changed
    return root, problems


def find_place(root: Node, steps: Sequence[str]) -> tuple[TreePath, str]:
    """The path of the steps in this tree, or what is wrong with them.

    A step into a list is an index, the `name` of an item (a stage), or the component that only one item uses.
    """
    node: Node | None = root
    path: TreePath = ()
    for step in steps:
        if isinstance(node, ListNode):
            index = _index(node, step)
            if index is None:
                return path, f"`{dotted(path)}` has no item `{step}`; {_items_of(node)}"
            path, node = (*path, index), node.items[index]
            continue
        if isinstance(node, ScalarNode) and not is_null(node):
            return path, f"cannot set `{step}` in `{dotted(path)}`: its value is {node.value!r}, not a mapping"
        path, node = (*path, step), child(node, step) if node else None
    return path, ""


def _from_python(key: str, value: Any) -> tuple[Override | None, list[Problem]]:
    origin = Origin(source=f"override {key}")
    steps = tuple(key.split("."))
    if not all(steps):
        return None, [origin.problem(_not_a_field(key))]
    node, problems = from_plain(value, origin, steps)
    return (None if problems else Override(steps, node)), problems


def _not_a_field(name: str) -> str:
    return f"invalid field name {name!r}; expected names with dots between them, such as `optimizer.lr`"


def _turn(override: Override) -> tuple[bool, int]:
    names_component = override.steps[-1] == "use" or (
        isinstance(override.value, MappingNode) and "use" in override.value.entries
    )
    return (False, len(override.steps)) if names_component else (True, 0)


def _index(node: ListNode, step: str) -> int | None:
    if step.isdecimal() and step.isascii():
        index = int(step)
        return index if index < len(node.items) else None
    for labels in (_labels(node, "name"), _labels(node, "use")):
        if labels.count(step) == 1:
            return labels.index(step)
    return None


def _labels(node: ListNode, field: str) -> list[Any]:
    values = [child(item, field) for item in node.items]
    return [value.value if isinstance(value, ScalarNode) else None for value in values]


def _items_of(node: ListNode) -> str:
    if not node.items:
        return "the list is empty"
    names = [label for label in (*_labels(node, "name"), *_labels(node, "use")) if isinstance(label, str)]
    unique = [name for name in names if names.count(name) == 1]
    last = len(node.items) - 1
    valid = ", ".join(["0" if last == 0 else f"0 to {last}", *(f"`{name}`" for name in unique)])
    ambiguous = ", ".join(f"`{name}`" for name in sorted(set(names) - set(unique)))
    return f"valid items: {valid}" + (f" (ambiguous: {ambiguous})" if ambiguous else "")


def _kind_by_bracket(text: str) -> type[Node]:
    return {"[": ListNode, "{": MappingNode}.get(text[0], ScalarNode)
