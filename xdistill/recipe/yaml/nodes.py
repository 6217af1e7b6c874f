"""A recipe's tree in which every value knows the file, line and column that supplied it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from xdistill.errors import Problem
from xdistill.recipe.yaml.scalars import ScalarValue, is_finite

TreePath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Origin:
    """The position of a value.

    Attributes:
        source: file name as the user wrote it, ``--set a.b=c``, or empty for values made in Python.
        line: 1-based, 0 when there is none.
        column: 1-based, 0 when there is none.
        folder: of the file, for relative paths; None when the value comes from no file.
    """

    source: str = ""
    line: int = 0
    column: int = 0
    folder: Path | None = None

    def problem(self, message: str, path: TreePath = ()) -> Problem:
        """A problem at this position."""
        return Problem(message, dotted(path), self.source, self.line, self.column)


@dataclass(frozen=True, slots=True)
class ScalarNode:
    """A string, number, boolean or null."""

    value: ScalarValue
    origin: Origin


@dataclass(frozen=True, slots=True)
class ListNode:
    """A list."""

    items: tuple[Node, ...]
    origin: Origin


@dataclass(frozen=True, slots=True)
class Entry:
    """One field of a mapping: the position of its name, and its value."""

    key: Origin
    value: Node


@dataclass(frozen=True, slots=True)
class MappingNode:
    """A mapping.

    Attributes:
        entries: fields by name.
        origin: where the mapping was written.
        written_for: the component that these settings were written for if the mapping itself names none;
            they are ignored for another component (see `merge`).
    """

    entries: Mapping[str, Entry]
    origin: Origin
    written_for: str | None = None

    def get(self, name: str) -> Node | None:
        """The value of a field, None when there is no such field."""
        entry = self.entries.get(name)
        return entry.value if entry else None

    def use(self) -> ScalarValue:
        """The component that the mapping names; None when it names none."""
        named = self.get("use")
        return named.value if isinstance(named, ScalarNode) else None


Node = ScalarNode | ListNode | MappingNode


def dotted(path: TreePath) -> str:
    """A path as in ``--set``, such as ``stages.0.epochs``."""
    return ".".join(str(part) for part in path)


def child(node: Node, part: str | int) -> Node | None:
    """The value below a field name or a list index; None when there is none."""
    if isinstance(node, MappingNode):
        return node.get(str(part))
    if isinstance(node, ListNode) and isinstance(part, int) and 0 <= part < len(node.items):
        return node.items[part]
    return None


def node_at(root: Node, path: TreePath) -> Node | None:
    """The value at a path; None when there is none."""
    node: Node | None = root
    for part in path:
        node = child(node, part) if node else None
    return node


def locate(root: Node, path: TreePath, *, key: bool = False) -> Origin:
    """The position of the value at a path, or of its nearest existing ancestor.

    Args:
        root: the whole tree.
        path: field names and list indices from the root.
        key: return the position of the field's name instead of its value.
    """
    node: Node = root
    for depth, part in enumerate(path):
        below = child(node, part)
        if below is None:
            return node.origin
        if key and depth == len(path) - 1 and isinstance(node, MappingNode):
            return node.entries[str(part)].key
        node = below
    return node.origin


def possible_part(root: Node, path: TreePath) -> TreePath:
    """The path up to where it goes below a scalar or a list.

    Pydantic adds steps of its own, such as the member of a union, which do not exist in a recipe.
    """
    node: Node = root
    for depth, part in enumerate(path):
        below = child(node, part)
        if below is None:
            return path if isinstance(node, MappingNode) else path[:depth]
        node = below
    return path


def to_plain(node: Node) -> Any:
    """The tree as dictionaries, lists and scalars."""
    if isinstance(node, MappingNode):
        return {name: to_plain(entry.value) for name, entry in node.entries.items()}
    if isinstance(node, ListNode):
        return [to_plain(item) for item in node.items]
    return node.value


def from_plain(value: Any, origin: Origin, path: TreePath = ()) -> tuple[Node, list[Problem]]:
    """A tree from dictionaries, lists and scalars, all of one origin.

    Values that are not plain data (modules, arrays, numbers that are not finite) become null and a problem.
    """
    if isinstance(value, Mapping):
        return _from_mapping(value, origin, path)
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        built = [from_plain(item, origin, (*path, index)) for index, item in enumerate(value)]
        problems = [problem for _, found in built for problem in found]
        return ListNode(tuple(node for node, _ in built), origin), problems
    if isinstance(value, PathLike):
        value = fspath(value)
    if not is_finite(value):
        return ScalarNode(None, origin), [origin.problem(f"numbers must be finite, got {value}", path)]
    if value is None or isinstance(value, (str, int, float, bool)):
        return ScalarNode(value, origin), []
    return ScalarNode(None, origin), [origin.problem(_not_plain(value), path)]


def _not_plain(value: Any) -> str:
    kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    message = f"should be plain data (a string, number, boolean, null, list or mapping), got an object of type `{kind}`"
    if any(base.__module__.startswith("torch.nn.") for base in type(value).__mro__):  # without importing torch
        message += (
            "; a recipe names its components: pass a module to `xdistill.training.distill`, or register it in a plugin"
        )
    return message


def _from_mapping(value: Mapping[Any, Any], origin: Origin, path: TreePath) -> tuple[Node, list[Problem]]:
    entries: dict[str, Entry] = {}
    problems: list[Problem] = []
    for name, item in value.items():
        node, found = from_plain(item, origin, (*path, str(name)))
        entries[str(name)] = Entry(origin, node)
        problems += found
    return MappingNode(entries, origin), problems
