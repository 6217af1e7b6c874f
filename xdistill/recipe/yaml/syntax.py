"""What the YAML parser complains about, in words that help."""

from __future__ import annotations

import re
from typing import Any

from ruamel.yaml.error import YAMLError
from ruamel.yaml.reader import ReaderError

from xdistill.errors import Problem

_BEYOND_UNICODE = re.compile(r"\\U(?!000|0010)[0-9a-fA-F]{8}")


def syntax_problem(error: YAMLError, text: str, source: str) -> Problem:
    """The problem for text that is no YAML."""
    if isinstance(error, ReaderError):
        line, column = line_and_column(text, error.position)
        code: Any = error.character
        shown = code if isinstance(code, int) else ord(code)
        return Problem(f"the character U+{shown:04X} may not stand in YAML", "", source, line, column)
    problem = str(getattr(error, "problem", None) or error)
    context = str(getattr(error, "context", None) or "")
    mark: Any = getattr(error, "problem_mark", None)
    start: Any = getattr(error, "context_mark", None)
    if "end of stream" in problem or "expected ','" in problem:
        mark = start or mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    return Problem(f"this is not YAML: {_worded(problem, context)}", "", source, line, column)


def escape_problem(text: str, source: str) -> Problem:
    """The problem for an escape that stands for a number beyond the last character."""
    found = _BEYOND_UNICODE.search(text)
    line, column = line_and_column(text, found.start()) if found else (0, 0)
    return Problem("this is not YAML: an escape in quoted text stands for no character", "", source, line, column)


def line_and_column(text: str, position: int) -> tuple[int, int]:
    """1-based line and column of a position in a text."""
    before = text[:position]
    return before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1


def _worded(problem: str, context: str) -> str:
    for part, words in _WORDS.items():
        if part in problem:
            return words.format(kind="mapping" if "mapping" in context else "list")
    return problem


_WORDS = {  # the first one found in the parser's own words counts
    "\\t": "a tab stands where only spaces may; indent with spaces",
    "mapping values are not allowed": "a colon stands where none may; put the text in quotes, or check the indentation",
    "expected ','": "in the {kind} that starts here a comma or the closing bracket is missing",
    "expected '<document start>'": "something follows where the recipe, or the value, has already ended",
    "end of stream": "the quoted text that starts here has no closing quote",
    "expected <block end>": "the indentation does not fit the lines above",
    "could not find expected ':'": "a field needs a colon and a space: `name: value`",
    "cannot start any token": "text that starts with this character has to be quoted",
}
