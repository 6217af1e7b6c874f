"""docs/registry.md: every interface is listed with the signature of its method, and the commands list what is there."""

from __future__ import annotations

import inspect
import re

import pytest
from typer.testing import CliRunner

from docs.pages import DOCS, blocks
from xdistill.cli.app import app
from xdistill.plugin import KINDS

PAGE = DOCS / "registry.md"
ROW = re.compile(r"^\| \[`(\w+)`\]\(kinds/(\w+)\.md\) \| `(\w+)` \| (.*) \|$", re.MULTILINE)
METHOD = re.compile(r"`(\w+)(?:\(([^`]*?)\)(?: ->[^`]*)?)?`")


def rows() -> dict[str, tuple[str, str]]:
    """Interface and methods by kind."""
    found = ROW.findall(PAGE.read_text(encoding="utf-8"))
    assert all(kind == page for kind, page, _, _ in found)
    return {kind: (interface, methods) for kind, _, interface, methods in found}


def test_every_kind_is_listed():
    assert {kind: interface for kind, (interface, _) in rows().items()} == {
        kind.name: kind.interface_name for kind in KINDS
    }


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_methods_have_the_parameters_that_the_page_shows(kind):
    shown = METHOD.findall(rows()[kind.name][1])
    assert shown
    for name, parameters in shown:
        names = re.findall(r"(?:^|, )(\w+)(?::|,|$)", re.sub(r"\[[^\]]*\]", "", parameters))
        actual = list(inspect.signature(getattr(kind.interface, name)).parameters)[1:]
        assert names in (actual, actual[: len(names)]), f"{name}{tuple(actual)}"


@pytest.mark.parametrize(
    "line", [line for block in blocks("sh", "docs/registry.md") for line in block.text.splitlines()]
)
def test_commands_list_components(line):
    result = CliRunner().invoke(app, line.split()[1:])
    assert result.exit_code == 0
    assert "cross_attention" in result.output
