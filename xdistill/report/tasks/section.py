"""A part of the page with charts, a table, or both."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Section:
    """One part of the page.

    Attributes:
        name: of its anchor.
        title: of its heading.
        charts: SVG markup in which all text is escaped, as `svg_markup` makes it.
        note: below the charts.
        heads: of the table's columns, the first of which names the rows.
        rows: cells of the table, as text.
        caption: of the table.
    """

    name: str
    title: str
    charts: tuple[str, ...] = ()
    note: str = ""
    heads: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = field(default=())
    caption: str = ""
