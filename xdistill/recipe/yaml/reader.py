"""YAML text to a tree with positions: no tags, no duplicate fields, no bombs, every problem with its place.

Only the scanner and parser of ruamel.yaml are used; its constructors, which make Python objects, never run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)

from xdistill.errors import Problem
from xdistill.recipe.yaml.nodes import Entry, ListNode, MappingNode, Node, Origin, ScalarNode, ScalarValue, TreePath
from xdistill.recipe.yaml.scalars import NotFiniteError, is_encodable, resolve_plain
from xdistill.recipe.yaml.syntax import escape_problem, syntax_problem

DEEPEST = 50
LARGEST = 100_000


@dataclass(frozen=True)
class Reading:
    """What a YAML text holds.

    Attributes:
        root: the tree; None when the text holds nothing or cannot be understood.
        problems: everything that is wrong with it.
        understood: False when the problems left no tree to go on with.
    """

    root: Node | None
    problems: tuple[Problem, ...]
    understood: bool


def read_yaml(text: str, source: str, folder: Path | None = None) -> Reading:
    """Read one YAML document.

    Args:
        text: the document.
        source: its name in problems.
        folder: the folder of its file, kept with every value.
    """
    builder = _Builder(source, folder)
    try:
        root = builder.document(YAML(typ="safe", pure=True).parse(text))
    except _StopReadingError:
        return Reading(None, tuple(builder.problems), understood=False)
    except YAMLError as error:
        return Reading(None, (*builder.problems, syntax_problem(error, text, source)), understood=False)
    except (OverflowError, ValueError):  # the scanner hands the escape \\UFFFFFFFF to chr
        return Reading(None, (*builder.problems, escape_problem(text, source)), understood=False)
    return Reading(root, tuple(builder.problems), understood=True)


class _StopReadingError(Exception):
    """The last problem leaves nothing to go on with."""


@dataclass
class _Builder:
    source: str
    folder: Path | None
    problems: list[Problem] = field(default_factory=list)
    anchors: dict[str, tuple[Node, int]] = field(default_factory=dict)
    size: int = 0  # values so far, aliases counted with all that stands behind them

    def document(self, events: Iterator[Event]) -> Node | None:
        root: Node | None = None
        documents = 0
        for event in events:
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self.stop(event, "a recipe is one YAML document, and here a second one starts")
            elif not isinstance(event, (StreamStartEvent, StreamEndEvent, DocumentEndEvent)):
                root = self.node(event, events, ())
        return root

    def node(self, event: Any, events: Iterator[Event], path: TreePath, key: Origin | None = None) -> Node:
        if len(path) > DEEPEST:
            self.stop(event, f"values are nested more than {DEEPEST} deep")
        self.count(event, 1)
        if isinstance(event, AliasEvent):
            return self.alias(event)
        self.refuse_tag(event, path)
        before = self.size - 1
        node = self.value(event, events, path, key)
        if event.anchor is not None:
            self.anchors[event.anchor] = (node, self.size - before)
        return node

    def value(self, event: Any, events: Iterator[Event], path: TreePath, key: Origin | None) -> Node:
        origin = self.origin(event)
        if isinstance(event, ScalarEvent):
            empty = event.value == "" and event.style is None
            return ScalarNode(self.scalar(event, path), key if empty and key else origin)
        # A block collection starts on a line after its field's name; the name is where a reader looks.
        if key and not event.flow_style:
            origin = key
        if isinstance(event, SequenceStartEvent):
            return ListNode(tuple(self.items(events, path)), origin)
        return MappingNode(self.entries(events, path), origin)

    def scalar(self, event: Any, path: TreePath) -> ScalarValue:
        text: str = event.value
        if not is_encodable(text):
            self.problem(event, "this text holds half of a surrogate pair, which is no character", path)
            return ""
        if event.style is not None:
            return text
        try:
            return resolve_plain(text)
        except NotFiniteError:
            self.problem(event, f"numbers have to be finite, and this is {text}", path)
            return None

    def items(self, events: Iterator[Event], path: TreePath) -> Iterator[Node]:
        for index, event in enumerate(events):
            if isinstance(event, SequenceEndEvent):
                return
            yield self.node(event, events, (*path, index))

    def entries(self, events: Iterator[Event], path: TreePath) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        inherited: list[MappingNode] = []
        for event in events:
            if isinstance(event, MappingEndEvent):
                break
            name, origin = self.key(event, path), self.origin(event)
            value = self.node(next(events), events, (*path, name), key=origin)
            if name == "<<" and _is_plain(event):
                inherited += self.inherited(event, value, path)
            elif name in entries:
                first = entries[name].key.line
                self.problem(event, f"the field {name!r} stands here twice; first in line {first}", (*path, name))
            else:
                entries[name] = Entry(origin, value)
        for mapping in inherited:
            entries = {**mapping.entries, **entries}
        return entries

    def key(self, event: Any, path: TreePath) -> str:
        if not isinstance(event, ScalarEvent) or not is_encodable(event.value):
            self.stop(event, "the name of a field has to be plain text", path)
        name: str = event.value
        self.refuse_tag(event, (*path, name))
        return name

    def inherited(self, event: Any, value: Node, path: TreePath) -> list[MappingNode]:
        values = value.items if isinstance(value, ListNode) else (value,)
        mappings = [item for item in values if isinstance(item, MappingNode)]
        if len(mappings) < len(values):
            self.problem(event, "`<<` takes in a mapping or a list of mappings, such as `<<: *name`", path)
        return mappings

    def alias(self, event: Any) -> Node:
        if event.anchor not in self.anchors:
            # An anchor is known once its value is complete: a value that holds itself ends here, too.
            self.stop(event, f"the alias *{event.anchor} has no anchor &{event.anchor} that is complete above it")
        node, size = self.anchors[event.anchor]
        self.count(event, size)
        return node

    def count(self, event: Any, size: int) -> None:
        self.size += size
        if self.size > LARGEST:
            self.stop(event, f"the recipe has more than {LARGEST:,} values once its aliases are written out")

    def origin(self, event: Any) -> Origin:
        mark = event.start_mark
        return Origin(self.source, mark.line + 1, mark.column + 1, self.folder)

    def refuse_tag(self, event: Any, path: TreePath) -> None:
        if event.tag is not None:
            message = f"tags such as {_shown_tag(event.tag)} are not allowed: a recipe is plain data"
            self.problem(event, message, path)

    def problem(self, event: Any, message: str, path: TreePath = ()) -> None:
        self.problems.append(self.origin(event).problem(message, path))

    def stop(self, event: Any, message: str, path: TreePath = ()) -> NoReturn:
        self.problem(event, message, path)
        raise _StopReadingError


def _shown_tag(tag: str) -> str:
    return f"!!{tag.removeprefix('tag:yaml.org,2002:')}" if tag.startswith("tag:") else tag


def _is_plain(event: Any) -> bool:
    return event.style is None
