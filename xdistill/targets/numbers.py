"""Numbers in columns of labels, in the notation of the file."""

from __future__ import annotations

import math
from collections.abc import Sequence

from xdistill.tables import ColumnSettings, Habits, as_number, find_reading


def numbers_of(name: str, cells: Sequence[str]) -> list[float]:
    """The numbers of a column, NaN for a cell that holds none.

    Where cells are not plain numbers, the whole column may have decimal commas or a unit. A limit of an assay such as
    ``<0,5`` is not a number, since the true value is not known.
    """
    numbers = [as_number(cell) for cell in cells]
    if None in {number for number, cell in zip(numbers, cells, strict=True) if cell}:
        found = find_reading(name, cells, ColumnSettings(), Habits())
        reading = found.reading
        if reading.form == "quantity" and not found.problem and not found.wrong:
            written = ["" if reading.limit(cell) in {"<", ">"} else reading.plain(cell) for cell in cells]
            numbers = [as_number(cell or "") for cell in written]
    return [math.nan if number is None else number for number in numbers]
