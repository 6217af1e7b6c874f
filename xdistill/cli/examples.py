"""Commands whose help ends with examples, and which Ctrl-C ends with a message."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import typer

from xdistill.errors import InterruptedRunError

Parameters = ParamSpec("Parameters")


def with_examples(about: str, *examples: str) -> str:
    """A help text.

    Args:
        about: what the command does, in paragraphs; wrapped to the terminal's width.
        examples: command lines, printed line by line; up to 76 characters fit a terminal of 80 columns.
    """
    paragraphs = [" ".join(paragraph.split()) for paragraph in about.split("\n\n")]
    # Blanks at the start of a line are only kept behind a tag of rich's markup.
    lines = [f"[bold]  {_escaped(example)}[/bold]" for example in examples]
    return "\n\n".join([*paragraphs, "\n".join(["Examples:", *lines])])


def command(
    app: typer.Typer, *examples: str, name: str | None = None
) -> Callable[[Callable[Parameters, None]], Callable[Parameters, None]]:
    """Add a command to an app; its docstring and these examples are its help."""

    def add(function: Callable[Parameters, None]) -> Callable[Parameters, None]:
        @wraps(function)
        def stoppable(*args: Parameters.args, **kwargs: Parameters.kwargs) -> None:
            try:
                function(*args, **kwargs)
            except KeyboardInterrupt:  # typer would end without a word, and some of its versions with another status
                raise InterruptedRunError("stopped; rerun the command to start over") from None

        app.command(name, help=with_examples(inspect.getdoc(function) or "", *examples))(stoppable)
        return function

    return add


def _escaped(text: str) -> str:
    """Text that is not taken for markup; rich's own function would be loaded at every start."""
    return text.replace("[", r"\[")
