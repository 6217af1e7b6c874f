"""A table of texts: a header and rows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path


class Cells(Mapping[str, str]):
    """The cells of one row by column, without a dictionary per row."""

    __slots__ = ("_places", "_row")

    def __init__(self, places: Mapping[str, int], row: Sequence[str]) -> None:
        self._places = places
        self._row = row

    def __getitem__(self, column: str) -> str:
        return self._row[self._places[column]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


@dataclass(frozen=True)
class Line:
    """One row of the table.

    Attributes:
        number: line of the file, counted from 1; of a workbook, the row of the sheet.
        cells: text by column, without surrounding white space.
    """

    number: int
    cells: Mapping[str, str]


@dataclass(frozen=True)
class Table:
    """A table: the names of its columns and its rows.

    Attributes:
        file: where it comes from.
        header: names of the columns.
        numbers: line of each row, counted from 1.
        rows: of cells without surrounding white space; empty means missing.
        how: how the file was read, such as ``delimiter ';'``; what was detected, not what the settings say.
        delimiter: between cells; empty if the file has none.
    """

    file: Path
    header: tuple[str, ...]
    numbers: tuple[int, ...]
    rows: Sequence[Sequence[str]]
    how: tuple[str, ...] = ()
    delimiter: str = field(default="", compare=False)

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def places(self) -> Mapping[str, int]:
        """The place of each column."""
        return {name: place for place, name in enumerate(self.header)}

    @cached_property
    def lines(self) -> Sequence[Line]:
        """The rows, with their lines."""
        places = self.places
        return [Line(number, Cells(places, row)) for number, row in zip(self.numbers, self.rows, strict=True)]

    def column(self, name: str) -> list[str]:
        """The cells of one column."""
        place = self.places[name]
        return [row[place] for row in self.rows]

    def with_columns(self, columns: Mapping[str, Sequence[str]]) -> Table:
        """The same table with some columns replaced, or added after the others."""
        added = tuple(name for name in columns if name not in self.places)
        kept = {name: self.places[name] for name in columns if name in self.places}
        rows = [list(row) for row in self.rows]
        for name, place in kept.items():
            for row, text in zip(rows, columns[name], strict=True):
                row[place] = text
        for name in added:
            for row, text in zip(rows, columns[name], strict=True):
                row.append(text)
        return replace(self, header=(*self.header, *added), rows=rows)

    def without(self, missing: Iterable[str], *, label: str, classes: Collection[str]) -> Table:
        """The same table with empty cells for texts that mean a missing value.

        Args:
            missing: such texts; upper and lower case are the same.
            label: column in which a text that is one of the classes stays.
            classes: those named in the settings.
        """
        gone = {text.lower() for text in missing}
        place = self.places.get(label, -1)
        rows = [
            [
                "" if text.lower() in gone and not (at == place and text in classes) else text
                for at, text in enumerate(row)
            ]
            for row in self.rows
        ]
        return replace(self, rows=rows)

    def chosen(self, keep: Callable[[Line], bool]) -> Table:
        """The rows for which ``keep`` is true."""
        kept = [place for place, line in enumerate(self.lines) if keep(line)]
        return replace(
            self, numbers=tuple(self.numbers[place] for place in kept), rows=[self.rows[place] for place in kept]
        )
