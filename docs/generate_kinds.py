"""A page for each kind of component, made from what a plugin's author reads: the interface and its docstrings."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import is_dataclass
from functools import partial
from importlib import import_module
from typing import Any

from xdistill.plugin import KINDS, Kind, load_catalog
from xdistill.plugin.scaffold import plugin_files

BUNDLED = "xdistill"
SECTIONS = ("Args", "Returns", "Raises", "Yields", "Attributes")


def pages() -> dict[str, Callable[[], str]]:
    """What renders each page, by file name."""
    return {f"{kind.name}.md": partial(render, kind) for kind in KINDS}


def render(kind: Kind) -> str:
    """The page of a kind."""
    return "\n".join(_lines(kind)).rstrip("\n") + "\n"


def _lines(kind: Kind) -> Iterator[str]:
    name = kind.name.replace("_", " ")
    yield f"# {name[0].upper()}{name[1:]}"
    yield ""
    yield "Generated from the interface by `make docs`; edit the docstrings, not this page."
    yield ""
    yield kind.about
    yield ""
    yield f"Hook `{kind.hook}`, interface [`{kind.interface_name}`](../../xdistill/interfaces/{kind.module}.py)."
    yield ""
    yield "## Create one"
    yield ""
    yield "```sh"
    yield f"xdistill plugins new my-{kind.name.replace('_', '-')} --kind {kind.name}"
    yield "```"
    yield ""
    yield "writes a package with this module:"
    yield ""
    yield "```text"
    yield _module(kind)
    yield "```"
    yield ""
    yield f"Its tests inherit from [`xdistill.testing.{kind.suite}`](../conformance.md)."
    yield ""
    yield "## Interface"
    yield ""
    for cls in _classes(kind):
        yield from _class(cls)
    yield "## Bundled components"
    yield ""
    found = [entry for entry in load_catalog() if entry.kind == kind.name and entry.distribution == BUNDLED]
    if not found:
        yield "None."
    for entry in found:
        about = (inspect.getdoc(entry.component) or "").split("\n\n")[0].replace("\n", " ")
        yield f"- `{entry.name}`: {about}"
    yield ""
    yield "For their settings, see [Components](../reference/components.md)."


def _module(kind: Kind) -> str:
    name = f"my_{kind.name}"
    files = plugin_files(name.replace("_", "-"), kind.name)
    return next(text for path, text in files.items() if path.endswith(f"{name}.py") and "test" not in path).rstrip("\n")


def _classes(kind: Kind) -> list[type[Any]]:
    """The interface, what it builds on in its own module, and what it is given."""
    module = import_module(f"xdistill.interfaces.{kind.module}")
    own = [value for _, value in inspect.getmembers(module, inspect.isclass) if value.__module__ == module.__name__]
    interface = kind.interface
    others = {other.interface for other in KINDS if other is not kind}
    rest = [cls for cls in own if cls is not interface and cls not in others and not cls.__name__.startswith("_")]
    return [interface, *sorted(rest, key=lambda cls: inspect.getsourcelines(cls)[1])]


def _class(cls: type[Any]) -> Iterator[str]:
    yield f"### `{cls.__name__}`"
    yield ""
    yield from _prose(inspect.getdoc(cls) or "")
    for name, member in vars(cls).items():
        method = member.fget if isinstance(member, property) else member
        if not inspect.isfunction(method) or (name.startswith("_") and name not in {"__init__", "__call__"}):
            continue
        documented = inspect.getdoc(method) if method.__doc__ else ""
        if not documented and (name != "__init__" or is_dataclass(cls)):
            continue
        yield f"#### `{name}{'' if isinstance(member, property) else _signature(method)}`"
        yield ""
        if documented:
            yield from _prose(documented)


def _signature(method: Callable[..., Any]) -> str:
    return re.sub(r"'([^']*)'", r"\1", str(inspect.signature(method))).replace("self, ", "").replace("(self)", "()")


def _prose(text: str) -> Iterator[str]:
    """A docstring as Markdown: its sections become lists."""
    inside = False
    for raw in text.splitlines():
        heading = raw.strip().removesuffix(":")
        line = raw.replace("``", "`")
        if heading in SECTIONS and raw.strip().endswith(":"):
            inside = True
            yield f"**{heading}**"
            yield ""
        elif inside and re.match(r"    \S", raw):
            yield f"- {line.strip()}"
        elif inside and raw.startswith("     "):
            yield f"  {line.strip()}"
        else:
            inside = inside and not raw.strip()
            yield line
    yield ""
