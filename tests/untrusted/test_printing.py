"""Every command prints through `xdistill.cli.console`, which shows control characters as escapes."""

import re
from pathlib import Path

import xdistill.cli

COMMANDS = Path(xdistill.cli.__file__).parent
ELSEWHERE = re.compile(r"(?<![\w.])(?:print|typer\.echo|click\.echo|sys\.stdout\.write)\(")
MAY = {"console.py", "app.py"}  # the one that prints, and the version


def test_no_command_prints_by_itself():
    found = [path.name for path in COMMANDS.rglob("*.py") if ELSEWHERE.search(path.read_text(encoding="utf-8"))]
    assert set(found) <= MAY
