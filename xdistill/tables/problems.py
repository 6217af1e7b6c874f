"""Collects the problems of a table to report them together."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

from xdistill.errors import DataError

_SHOWN = 10


class Problems:
    """The problems found so far in one file."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._found: list[tuple[int, str]] = []

    def __bool__(self) -> bool:
        return bool(self._found)

    def add(self, message: str, *, line: int = 0) -> None:
        """Add a problem; line 0 stands for the whole file."""
        self._found.append((line, message))

    def stop(self) -> None:
        """Report the problems, if any.

        Raises:
            DataError: with up to ten problems, those of the whole file first, then by line.
        """
        if not self._found:
            return
        ordered = sorted(self._found, key=lambda problem: problem[0])
        texts = [f"line {line}: {message}" if line else message for line, message in ordered]
        if len(texts) == 1:
            separator = ", " if ordered[0][0] else ": "
            raise DataError(f"{self.file}{separator}{texts[0]}")
        more = [f"and {len(texts) - _SHOWN} more"] if len(texts) > _SHOWN else []
        raise DataError("\n  ".join([f"{self.file}: {len(texts)} problems:", *texts[:_SHOWN], *more]))


def near(name: str, known: Iterable[str]) -> str:
    """A hint: the most similar name, or all names."""
    names = list(known)
    folded = {other.lower(): other for other in reversed(names)}
    match = get_close_matches(name.lower(), folded, n=1)
    if match:
        return f"did you mean {folded[match[0]]!r}?"
    return f"valid names: {', '.join(repr(other) for other in names[:20])}{', …' if len(names) > 20 else ''}"  # noqa: PLR2004 -- as many as fit a message
