"""The problem of a text that is not valid YAML, with its position."""

from __future__ import annotations

import re
from typing import Any

from ruamel.yaml.reader import ReaderError

from xdistill.errors import Problem

_BEYOND_UNICODE = re.compile(r"\\U(?!000|0010)[0-9a-fA-F]{8}")
_MESSAGES = {  # by a part of ruamel.yaml's message
    "\\t": "tabs are not allowed here; indent with spaces",
    "mapping values are not allowed": "unexpected colon; put the text in quotes, or check the indentation",
    "expected ','": "the bracket that opens here is not closed, or a comma is missing",
    "'<document start>'": "unexpected content after the end of the document; check the indentation",
    "end of stream": "the quoted text that starts here is not closed",
    "expected <block end>": "the indentation does not match the lines above",
    "expected ':'": "expected a field, `name: value`",
    "cannot start any token": "unexpected character; put text that starts with it in quotes",
    "another document": "expected one document, found a second",
}


def syntax_problem(error: Exception, text: str, source: str) -> Problem:
    """What ruamel.yaml raised: a YAMLError, or the error of `chr` for an escape beyond the last character."""
    mark: Any = getattr(error, "problem_mark", None)
    if isinstance(error, ReaderError):
        message = f"the character U+{ord(text[error.position]):04X} is not allowed"
        line, column = line_and_column(text, error.position)
    elif mark is None:
        found = _BEYOND_UNICODE.search(text)
        message, line, column = "invalid escape", *(line_and_column(text, found.start()) if found else (0, 0))
    else:
        problem = str(getattr(error, "problem", ""))
        message = next((message for part, message in _MESSAGES.items() if part in problem), problem)
        if "here is not closed" in message:
            mark = getattr(error, "context_mark", None) or mark
        line, column = mark.line + 1, mark.column + 1
    return Problem(f"invalid YAML: {message}", "", source, line, column)


def line_and_column(text: str, position: int) -> tuple[int, int]:
    """1-based line and column of a position in a text."""
    before = text[:position]
    return before.count("\n") + 1, position - before.rfind("\n")
