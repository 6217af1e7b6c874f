"""A console that shows control characters in what it prints, since errors and tables quote files of others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.segment import Segment

from xdistill.untrusted.text import printable


class SafeConsole(Console):
    """A console whose text holds no escape sequences but its own styles."""

    def render(self, renderable: Any, options: Any = None) -> Iterable[Segment]:
        """The segments of a renderable, with control characters of its text as escapes."""
        for segment in super().render(renderable, options):
            if segment.control or segment.text.isprintable():
                yield segment
            else:
                yield Segment(printable(segment.text), segment.style)
