"""Where the command line prints: results on standard output, everything else on standard error."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any, Final

from xdistill.untrusted.text import printable, shortened

if TYPE_CHECKING:
    from rich.console import Console


_ENDLESS: Final = re.compile(r"\S{1000,}")


def stderr() -> Console:
    """The console for progress, hints and errors; plain when standard error is not a terminal."""
    from xdistill.cli.process.safe_console import SafeConsole

    return SafeConsole(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty())


def stdout() -> Console:
    """The console for results, on standard output."""
    from xdistill.cli.process.safe_console import SafeConsole

    return SafeConsole(highlight=False, soft_wrap=not sys.stdout.isatty())


def print_json(data: Any) -> None:
    """One JSON document on standard output, for programs."""
    echo(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False), escape=r"\u{:04x}")


def echo(text: str, *, end: str = "\n", escape: str = "") -> None:
    """Plain text on standard output, with control characters shown as escapes, since it may quote files of others.

    Args:
        text: what is printed.
        end: printed after it.
        escape: how a character is shown, from its number; empty: as in Python.
    """
    sys.stdout.write(printable(text, escape) + end)


def print_error(message: str) -> None:
    """An error on standard error; its text is never taken for markup, and names of a thousand letters are cut."""
    from rich.text import Text

    message = _ENDLESS.sub(lambda found: shortened(found[0]), message)
    stderr().print(Text("error: ", style="bold red") + Text(message))


def print_warning(message: str) -> None:
    """Something on standard error that stops nothing, and that one should know; its text is never taken for markup."""
    from rich.text import Text

    stderr().print(Text("warning: ", style="bold yellow") + Text(message))


def print_hint(message: str) -> None:
    """A remark on standard error."""
    from rich.text import Text

    stderr().print(Text(message, style="dim"))
