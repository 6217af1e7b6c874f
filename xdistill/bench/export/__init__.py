"""Tables of a benchmark in five formats, all of the same figures."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import urlsplit

from xdistill.errors import UserError

if TYPE_CHECKING:
    from xdistill.bench.standings import Standings

_WRITERS: Final = {"md": "markdown", "html": "page", "csv": "delimited", "json": "document", "latex": "latex"}
FORMATS: Final = tuple(_WRITERS)


def render(standings: Standings, format: str, *, figure: str = "") -> str:  # noqa: A002 - what the command's option is called
    """A benchmark's table as text.

    The same standings give the same text: there is no time of writing in it.

    Args:
        standings: what the table holds.
        format: one of `FORMATS`.
        figure: the file of `standings_figure`, which Markdown shows; empty: none.

    Returns:
        The whole file, with a newline at its end.

    Raises:
        UserError: when the format is unknown, there is no entry to show, or a link is none that a page may hold.
    """
    if format not in _WRITERS:
        from xdistill.suggest import did_you_mean

        raise UserError(f"there is no format {format!r} for tables{did_you_mean(format, FORMATS)}")
    _check(standings)
    if format == "md":
        from xdistill.bench.export import markdown

        return markdown.write(standings, figure=figure)
    module = import_module(f"xdistill.bench.export.{_WRITERS[format]}")
    return cast("Callable[[Standings], str]", module.write)(standings)


def _check(standings: Standings) -> None:
    if not standings.entries:
        missing = f" (missing: {', '.join(standings.missing)})" if standings.missing else ""
        raise UserError(f"benchmark {standings.name!r} has no finished entry, so there is no table{missing}")
    for standing in standings.entries:
        absent = [metric for metric in standings.metrics if metric not in standing.rows]
        if absent:
            raise UserError(
                f"entry {standing.entry!r} of benchmark {standings.name!r} has no score by {absent[0]!r}, which the "
                f"table shows; it has: {', '.join(standing.rows)}"
            )
        if urlsplit(standing.link).scheme not in {"", "http", "https"}:
            raise UserError(
                f"entry {standing.entry!r} of benchmark {standings.name!r}: the link {standing.link!r} leads neither "
                f"to a file nor to a web page; give a relative path, or an address that starts with https:"
            )
