"""The page of the command line: every command with its arguments and options."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

HEAD = """\
# The command line

Made from the program by `make docs`; change the help texts in `xdistill/cli`, not this page. Results go to standard
output, everything else to standard error.

| exit code | meaning |
|---|---|
| 0 | done |
| 2 | something in the input is at fault; one message says what, where, and what to do |
| 1 | anything else |
| 130 | stopped with Ctrl-C; the same command goes on |

| environment variable | what it does |
|---|---|
| `XDISTILL_CACHE` | folder of the cohort files, and of the index of plugins |
| `XDISTILL_DISABLE_PLUGINS` | plugins to leave out, by the names of their entry points, with commas between them |
| `XDISTILL_PLUGINS` | single files to use as plugins, as `--plugin` names them; how worker processes come to know |
| `XDISTILL_PLUGIN_SECONDS` | how long a plugin may take to be imported, 120 unless given; 0: as long as it likes |
| `XDISTILL_DATA` | where the recipe `acdc` looks for its data; turns on the tests that need real data |
"""
# Options of the completion that typer adds by itself, and help, which every command has.
UNLISTED = frozenset({"--help", "--install-completion", "--show-completion"})


def render() -> str:
    """The whole page."""
    return "\n".join([HEAD, *(_section(names, command) for names, command in commands())])


def commands() -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with the words that call it, the root first."""
    from typer.main import get_command

    from xdistill.cli.app import app

    yield from _below(("xdistill",), get_command(app))


def _below(names: tuple[str, ...], command: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield names, command
    for name, child in getattr(command, "commands", {}).items():
        yield from _below((*names, name), child)


def options(command: Any) -> Iterator[Any]:
    """The options of a command, without those that every command has."""
    for parameter in command.params:
        if parameter.param_type_name == "option" and not UNLISTED & set(parameter.opts):
            yield parameter


def arguments(command: Any) -> Iterator[Any]:
    """The arguments of a command."""
    return (parameter for parameter in command.params if parameter.param_type_name == "argument")


def _section(names: tuple[str, ...], command: Any) -> str:
    lines = [f"## {' '.join(names)}", "", *_help(command.help or "")]
    rows = [_argument(parameter) for parameter in arguments(command)]
    rows += [_option(parameter) for parameter in options(command)]
    if rows:
        lines += ["| argument or option | what it is | default |", "|---|---|---|", *rows, ""]
    return "\n".join(lines)


def _help(text: str) -> Iterator[str]:
    """The help text; what is indented in it are examples and become a block of commands."""
    plain = re.sub(r"\[/?bold\]", "", text.replace("\b", ""))
    examples: list[str] = []
    prose: list[str] = []
    for line in [*plain.strip("\n").splitlines(), ""]:
        if line.startswith("  "):
            yield from _paragraph(prose)
            examples.append(_example(line))
        elif line.strip():
            yield from _block(examples)
            prose.append(line.strip())
        else:
            yield from _paragraph(prose)
    yield from _block(examples)


def _paragraph(lines: list[str]) -> list[str]:
    text = [" ".join(lines), ""] if lines else []
    lines.clear()
    return text


def _block(lines: list[str]) -> list[str]:
    text = ["```sh", *lines, "```", ""] if lines else []
    lines.clear()
    return text


def _example(line: str) -> str:
    """A command, and behind it, as a comment, what stands beside it."""
    command, *remarks = re.split(r"\s{3,}", line.strip(), maxsplit=1)
    return "  # ".join([command, *remarks])


def _argument(parameter: Any) -> str:
    return f"| `{parameter.metavar or parameter.name.upper()}` | {_cell(parameter.help)} | required |"


def _option(parameter: Any) -> str:
    value = "" if parameter.is_flag else f" {parameter.metavar or 'VALUE'}"
    spelled = ", ".join(f"`{name}{value}`" for name in parameter.opts)
    default = "" if parameter.is_flag or parameter.default is None else f"`{parameter.default}`"
    return f"| {spelled} | {_cell(parameter.help)} | {default} |"


def _cell(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")
