"""YAML text to a tree in which every value knows its line and column.

ruamel.yaml composes the nodes and their marks; its constructors, which make Python objects and lose the marks, never
run. This file adds what else a recipe needs: no tags, no duplicate fields, no alias bombs, several problems at once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.composer import MaxDepthExceededError
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode as ComposedMapping
from ruamel.yaml.nodes import ScalarNode as ComposedScalar
from ruamel.yaml.resolver import VersionedResolver
from ruamel.yaml.tag import Tag

from xdistill.errors import Problem
from xdistill.recipe.yaml.nodes import Entry, ListNode, MappingNode, Node, Origin, ScalarNode, TreePath
from xdistill.recipe.yaml.scalars import ScalarValue, is_finite, resolve_plain
from xdistill.recipe.yaml.syntax import syntax_problem

MAX_DEPTH = 50
MAX_VALUES = 100_000
_TOO_DEEP = f"values are nested more than {MAX_DEPTH} levels deep, or a value contains its own alias"
_PLAIN, _UNTAGGED = Tag(suffix="plain"), Tag(suffix="untagged")
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Reading:
    """What a YAML text holds.

    Attributes:
        root: the tree; None when the text is empty or not valid YAML.
        problems: everything that is wrong with it.
    """

    root: Node | None
    problems: tuple[Problem, ...]

    @property
    def understood(self) -> bool:
        """Whether the text is valid YAML, possibly empty, and of acceptable size."""
        return self.root is not None or not self.problems


@lru_cache(maxsize=128)  # many recipes extend the same ones, and ruamel.yaml is written in Python
def read_yaml(text: str, source: str, folder: Path | None = None) -> Reading:
    """Read one YAML document. What was read before gives the same tree; trees never change.

    Args:
        text: the document.
        source: its name in problems.
        folder: the folder of its file, kept with every value.
    """
    yaml = YAML(typ="safe", pure=True)
    yaml.Resolver = _Resolver
    yaml.max_depth = MAX_DEPTH
    yaml.composer.warn_double_anchors = False
    converter = _Converter(source, folder)
    try:
        composed = yaml.compose(text)
        root = converter.node(composed, ()) if composed else None
    except MaxDepthExceededError as error:
        problem = converter.origin(error.problem_mark).problem(_TOO_DEEP)
    except (YAMLError, OverflowError, ValueError) as error:  # ruamel.yaml passes the escape \\UFFFFFFFF to chr
        problem = syntax_problem(error, text, source)
    except _StopReadingError as error:
        problem = error.problem
    else:
        return Reading(root, tuple(converter.problems))
    return Reading(None, (*converter.problems, problem))


class _Resolver(VersionedResolver):
    """Marks plain scalars, whose values `resolve_plain` finds, and all else that has no tag."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Tag:
        del value
        return _PLAIN if kind is ComposedScalar and implicit[0] else _UNTAGGED


class _StopReadingError(Exception):
    """A problem after which the rest cannot be read."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.message)


@dataclass
class _Converter:
    source: str
    folder: Path | None
    problems: list[Problem] = field(default_factory=list)
    anchored: dict[int, tuple[Node, int]] = field(default_factory=dict)  # by id, with the number of values
    size: int = 0  # values so far; an alias counts as all values of its anchor

    def node(self, composed: Any, path: TreePath, key: Origin | None = None) -> Node:
        before = self.size
        known, size = self.anchored.get(id(composed), (None, 1))
        self.size += size
        if self.size > MAX_VALUES:
            self.stop(composed, f"the recipe has more than {MAX_VALUES:,} values once its aliases are expanded")
        if known is not None:
            return known
        if len(path) > MAX_DEPTH:
            self.stop(composed, _TOO_DEEP)
        self.reject_tag(composed, path)
        node = self.value(composed, path, key)
        if composed.anchor is not None:
            self.anchored[id(composed)] = node, self.size - before
        return node

    def value(self, composed: Any, path: TreePath, key: Origin | None) -> Node:
        origin = self.origin(composed.start_mark)
        if isinstance(composed, ComposedScalar):
            empty = composed.ctag is _PLAIN and composed.value == ""
            return ScalarNode(self.scalar(composed, path), key if empty and key else origin)
        # A block collection starts on the line after its field's name; the name is where a reader looks.
        if key and not composed.flow_style:
            origin = key
        if isinstance(composed, ComposedMapping):
            return MappingNode(self.entries(composed, path), origin)
        items = (self.node(item, (*path, index)) for index, item in enumerate(composed.value))
        return ListNode(tuple(items), origin)

    def scalar(self, composed: Any, path: TreePath) -> ScalarValue:
        text: str = composed.value
        if _SURROGATE.search(text):
            self.problem(composed, "the string contains half of a surrogate pair, which is not a character", path)
            return ""
        if composed.ctag is _UNTAGGED:  # in quotes
            return text
        value = resolve_plain(text)
        if not is_finite(value):
            self.problem(composed, f"numbers must be finite, got {text}", path)
            return None
        return value

    def entries(self, composed: Any, path: TreePath) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        merged: list[MappingNode] = []
        for key, below in composed.value:
            name, origin = self.key(key, path), self.origin(key.start_mark)
            value = self.node(below, (*path, name), key=origin)
            if name == "<<" and key.ctag is _PLAIN:
                merged += self.merged(key, value, path)
            elif name in entries:
                first = entries[name].key.line
                self.problem(key, f"duplicate field `{name}`; first set in line {first}", (*path, name))
            else:
                entries[name] = Entry(origin, value)
        for mapping in merged:
            entries = {**mapping.entries, **entries}
        return entries

    def key(self, composed: Any, path: TreePath) -> str:
        if not isinstance(composed, ComposedScalar) or _SURROGATE.search(composed.value):
            self.stop(composed, "a field name must be a string")
        name: str = composed.value
        self.reject_tag(composed, (*path, name))
        return name

    def merged(self, key: Any, value: Node, path: TreePath) -> list[MappingNode]:
        values = value.items if isinstance(value, ListNode) else (value,)
        mappings = [item for item in values if isinstance(item, MappingNode)]
        if len(mappings) < len(values):
            self.problem(key, "`<<` merges a mapping or a list of mappings, such as `<<: *name`", path)
        return mappings

    def reject_tag(self, composed: Any, path: TreePath) -> None:
        if composed.ctag is not _PLAIN and composed.ctag is not _UNTAGGED:
            tag = str(composed.ctag).replace("tag:yaml.org,2002:", "!!")
            self.problem(composed, f"the tag `{tag}` is not allowed: a recipe is plain data", path)

    def origin(self, mark: Any) -> Origin:
        return Origin(self.source, mark.line + 1, mark.column + 1, self.folder)

    def problem(self, composed: Any, message: str, path: TreePath) -> None:
        self.problems.append(self.origin(composed.start_mark).problem(message, path))

    def stop(self, composed: Any, message: str) -> NoReturn:
        raise _StopReadingError(self.origin(composed.start_mark).problem(message))
