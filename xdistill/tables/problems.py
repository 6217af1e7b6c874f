"""Collects the problems of a table to report them together."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

from xdistill.errors import DataError

_SHOWN = 10
_ALIKE = 3  # problems of one cause that are reported one by one


class Problems:
    """The problems found so far in one file."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._found: list[tuple[int, str]] = []
        self._alike: dict[str, list[tuple[int, str]]] = {}

    def __bool__(self) -> bool:
        return bool(self._found or self._alike)

    def add(self, message: str, *, line: int = 0, cause: str = "") -> None:
        """Add a problem; line 0 stands for the whole file.

        Args:
            message: what and what to do.
            line: of the table.
            cause: what several lines have in common; more than three of one cause are reported once, with their number,
                the first as the example, and the lines of the next three. Empty: each line stands alone.
        """
        found = self._alike.setdefault(cause, []) if cause else self._found
        found.append((line, message))

    def stop(self) -> None:
        """Report the problems, if any.

        Raises:
            DataError: with up to ten problems, those of the whole file first, then by line.
        """
        if not self:
            return
        alone = [(line, message, 1) for line, message in self._found]
        ordered = sorted(
            [*alone, *(one for alike in self._alike.values() for one in _once(alike))], key=lambda problem: problem[0]
        )
        texts = [f"line {line}: {message}" if line else message for line, message, _ in ordered]
        if len(texts) == 1:
            separator = ", " if ordered[0][0] else ": "
            raise DataError(f"{self.file}{separator}{texts[0]}")
        hidden = sum(count for _, _, count in ordered[_SHOWN:])
        more = [f"and {hidden} more"] if hidden else []
        count = sum(count for _, _, count in ordered)
        raise DataError("\n  ".join([f"{self.file}: {count} problems:", *texts[:_SHOWN], *more]))


def _once(alike: list[tuple[int, str]]) -> list[tuple[int, str, int]]:
    """Problems of one cause, each with its line, its text, and how many it stands for."""
    if len(alike) <= _ALIKE:
        return [(line, message, 1) for line, message in alike]
    (line, message), *others = alike
    lines = ", ".join(str(other) for other, _ in others[:_ALIKE])
    return [(line, f"{message} (and {len(others):,} more lines like it: {lines}, …)", len(alike))]


def near(name: str, known: Iterable[str]) -> str:
    """A hint: the most similar name, or all names."""
    names = list(known)
    folded = {other.lower(): other for other in reversed(names)}
    match = get_close_matches(name.lower(), folded, n=1)
    if match:
        return f"did you mean {folded[match[0]]!r}?"
    return f"valid names: {', '.join(repr(other) for other in names[:20])}{', …' if len(names) > 20 else ''}"  # noqa: PLR2004 -- as many as fit a message
