"""How long each command takes to start, warm: a process of its own, by the seconds of processor time that it takes.

Where nothing else runs the clock on the wall says the same; its best is in the note. The commands are those that the
command line has, each with ``--help``, and some that only look.

    python benchmarks/perf/start.py [--quick]
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

from common import Row, alone

START_GOAL, HELP_GOAL = 0.3, 0.4  # of the program; of a command, for whose options typer loads pydantic
GOALS = {
    "plugins list": 0.5,
    "recipe check mvi_hcc": None,
    "recipe schema": 0.5,
    "data inspect": 0.8,
    "bench show": None,
}


def rows(quick: bool) -> list[Row]:
    built = json.loads(_output("data", "build", "mvi_hcc", "--json"))
    files = {"data inspect": [built["path"]], "bench show": ["benchmarks/mvi_hcc.yaml"]}
    commands = [([*words, "--help"], HELP_GOAL if words else START_GOAL) for words in every_command()]
    commands += [([*command.split(), *files.get(command, [])], goal) for command, goal in GOALS.items()]
    return [_measured(words, goal, rounds=2 if quick else 5) for words, goal in commands]


def every_command() -> Iterator[list[str]]:
    """Words of every command and group."""
    import typer

    from xdistill.cli.app import app

    def below(group: Any, words: list[str]) -> Iterator[list[str]]:
        yield words
        for name, command in getattr(group, "commands", {}).items():
            yield from below(command, [*words, name])

    return below(typer.main.get_command(app), [])


def _measured(words: list[str], goal: float | None, *, rounds: int) -> Row:
    _output(*words)  # from now on its files are in the page cache
    taken, clock = [], []
    for _ in range(rounds):
        begin, used = time.perf_counter(), os.times()
        _output(*words)
        now = os.times()
        clock.append(time.perf_counter() - begin)
        taken.append(now.children_user - used.children_user + now.children_system - used.children_system)
    shown = " ".join(word.rpartition("/")[2] for word in words)
    return Row(f"xdistill {shown}", "", tuple(taken), goal, unit=" s", note=f"{min(clock):.2f} s on the clock")


def _output(*words: str) -> str:
    return subprocess.run([sys.executable, "-m", "xdistill", *words], check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    alone(rows, __doc__)
