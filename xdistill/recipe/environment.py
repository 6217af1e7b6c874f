"""Environment variables and relative paths in a recipe: the location of a cohort differs by machine.

They are filled in within `data`, within `test`, and in `crossval.files`. Files of initial weights, which networks name
in `weights`, are relative to the recipe file as well.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from xdistill.errors import Problem
from xdistill.recipe.yaml.nodes import Entry, ListNode, MappingNode, Node, Origin, ScalarNode, TreePath

_REFERENCE = re.compile(r"\$\{(?P<inside>[^}]*)(?P<end>\}?)")
_FILES: TreePath = ("crossval", "files")
_WEIGHTS = "weights"  # the field in which a network names a file, or its `path` and how it is read
_NETWORKS: tuple[TreePath, ...] = (("teacher",), ("student",))
_PLACES: tuple[TreePath, ...] = (("data",), ("test",), _FILES)
_SECRET = 4  # characters, from which on a value is not shown
_INSIDE = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(:-(?P<default>.*))?", re.DOTALL)


def fill_in_environment(root: MappingNode, variables: Mapping[str, str]) -> tuple[MappingNode, list[Problem]]:
    """Replace ``${NAME}`` and ``${NAME:-default}`` in the text values of `data`.

    An empty variable counts as unset. Nothing that looks like a reference is left afterwards, so that
    a resolved recipe can be read again and means the same.
    """
    problems: list[Problem] = []

    def filled(text: str, origin: Origin, path: TreePath) -> str:
        value, messages = substitute(text, variables)
        problems.extend(origin.problem(message, path) for message in messages)
        return value

    return _in_data(root, filled), problems


def resolve_paths(root: MappingNode) -> MappingNode:
    """Make relative paths in `data`, and of weights, absolute if they exist next to the recipe file that names them.

    A path is text in a field named `path`, or whose name ends in ``_path`` or ``_dir``. A leading ``~`` becomes the
    home folder. A path that does not exist next to the file stays relative to the working directory.
    """

    def resolved(text: str, origin: Origin, path: TreePath) -> str:
        names = [part for part in path if isinstance(part, str)]
        return _next_to(text, origin.folder) if is_path_field(names[-1]) or path[:2] == _FILES else text

    def of_weights(text: str, origin: Origin, path: TreePath) -> str:
        return _next_to(text, origin.folder) if path[-1] == _WEIGHTS or path[-2:] == (_WEIGHTS, "path") else text

    root = _in_data(root, resolved)
    for network in _NETWORKS:
        root = _at(root, network, (), of_weights)
    return root


def substitute(text: str, variables: Mapping[str, str]) -> tuple[str, list[str]]:
    """The text with its references filled in, and one message for each that could not be.

    >>> substitute("${ROOT}/a", {"ROOT": "/mnt"})
    ('/mnt/a', [])
    """
    messages: list[str] = []

    def value_of(match: re.Match[str]) -> str:
        inside = _INSIDE.fullmatch(match["inside"])
        if not match["end"] or inside is None:
            messages.append("invalid reference to an environment variable; write `${NAME}` or `${NAME:-default}`")
            return match[0]
        found = variables.get(inside["name"]) or inside["default"]
        if found is None:
            messages.append(
                f"the environment variable `{inside['name']}` is not set; set it, or write a default: "
                f"`${{{inside['name']}:-default}}`"
            )
        elif "${" in found:
            messages.append(f"the environment variable `{inside['name']}` contains `${{`; references cannot be nested")
            found = None
        return match[0] if found is None else found

    return _REFERENCE.sub(value_of, text), messages


def without_values(problems: Sequence[Problem], root: MappingNode, variables: Mapping[str, str]) -> list[Problem]:
    """Problems in which values of environment variables that a recipe names are references again.

    A variable may hold a password, and messages end in logs. Values of fewer than four characters are left, since they
    occur by chance.
    """
    used: dict[str, str] = {}

    def note(text: str, _origin: Origin, _path: TreePath) -> str:
        for match in _REFERENCE.finditer(text):
            inside = _INSIDE.fullmatch(match["inside"])
            value = variables.get(inside["name"], "") if inside else ""
            if inside and len(value) >= _SECRET:
                used[value] = f"${{{inside['name']}}}"
        return text

    _in_data(root, note)

    def hidden(message: str) -> str:
        for value in sorted(used, key=len, reverse=True):
            message = message.replace(value, used[value])
        return message

    return [replace(problem, message=hidden(problem.message)) for problem in problems] if used else list(problems)


def is_path_field(name: str) -> bool:
    """Whether a field of `data` holds the path of a file or folder."""
    return name == "path" or name.endswith(("_path", "_dir"))


def _next_to(text: str, folder: Path | None) -> str:
    if not text:
        return text
    if text.startswith("~"):
        text = os.path.expanduser(text)  # noqa: PTH111  # Path.expanduser raises where this leaves the text alone
    if folder is None or Path(text).is_absolute():
        return text
    candidate = folder / text
    try:
        return str(candidate.resolve()) if candidate.exists() else text
    except (OSError, ValueError):
        return text


def _in_data(root: MappingNode, change: Callable[[str, Origin, TreePath], str]) -> MappingNode:
    for place in _PLACES:
        root = _at(root, place, (), change)
    return root


def _at(
    node: MappingNode, place: TreePath, parents: TreePath, change: Callable[[str, Origin, TreePath], str]
) -> MappingNode:
    """The same mapping with the texts below one of its places changed."""
    name, *rest = place
    entry = node.entries.get(str(name))
    if entry is None:
        return node
    path = (*parents, name)
    if not rest:
        value = _mapped(entry.value, path, change)
    elif isinstance(entry.value, MappingNode):
        value = _at(entry.value, tuple(rest), path, change)
    else:
        return node
    return replace(node, entries={**node.entries, str(name): Entry(entry.key, value)})


def _mapped(node: Node, path: TreePath, change: Callable[[str, Origin, TreePath], str]) -> Node:
    if isinstance(node, MappingNode):
        entries = {
            name: Entry(entry.key, _mapped(entry.value, (*path, name), change)) for name, entry in node.entries.items()
        }
        return replace(node, entries=entries)
    if isinstance(node, ListNode):
        items = (_mapped(item, (*path, index), change) for index, item in enumerate(node.items))
        return ListNode(tuple(items), node.origin)
    if isinstance(node.value, str):
        return ScalarNode(change(node.value, node.origin, path), node.origin)
    return node
