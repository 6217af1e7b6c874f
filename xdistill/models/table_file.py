"""A file of new subjects in any format that training reads, with its numbers in the notation of training."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from xdistill.errors import DataError
from xdistill.tables import ColumnSettings, Exact, Format, Reading, Table, find_reading, habits_of, quantity, read_table

if TYPE_CHECKING:
    from xdistill.models.ensemble import Ensemble
    from xdistill.types import ColumnSpec


def read_file(model: Ensemble, path: Path) -> tuple[Table, tuple[str, ...]]:
    """The table of a CSV, TSV, XLSX or Parquet file, and what was detected in it.

    Decimal commas, units and limits are found column by column; what limits mean to the model is known to its reader.

    Raises:
        DataError: for a file that is no such table, and for numbers in another unit than those of training.
        UserError: if the library that reads the format is not installed.
    """
    table = read_table(path, Format(setting=""))
    columns = [
        column
        for spec in model.schema.modalities.values()
        for column in spec.columns
        if column.kind == "numeric" and column.name in table.places
    ]
    texts = {column.name: table.column(column.name) for column in columns}
    habits = habits_of(set(cells) for cells in texts.values())
    changed: dict[str, list[str]] = {}
    notes = list(table.how)
    for column in columns:
        found = find_reading(column.name, texts[column.name], ColumnSettings(), habits)
        reading = found.reading
        if reading.form != "quantity" or found.problem or found.wrong:
            continue  # plain numbers, or what the model's own reader has to know
        _check_unit(path, column, reading)
        changed[column.name] = [_exact(text, reading.decimal) for text in texts[column.name]]
        notes.append(f"{column.name!r}: {'; '.join(reading.notes)}")
    return (table.with_columns(changed) if changed else table), tuple(notes)


def reading_note(path: Path, notes: Iterable[str]) -> str:
    """One line about how a file was read; empty if there is nothing to tell."""
    text = "; ".join(notes)
    return f"{path.name} was read with {text}" if text else ""


def _check_unit(path: Path, column: ColumnSpec, reading: Reading) -> None:
    if column.unit and reading.unit and column.unit.casefold() != reading.unit.casefold():
        raise DataError(
            f"{path}: the column `{column.name}` is in {reading.unit}, and the model was trained with {column.unit}; "
            f"convert it"
        )


def _exact(text: str, decimal: str) -> str:
    """The number with a point and its limit, which no reading takes for another notation; other texts stay."""
    found = quantity(text, decimal)
    return text if found is None else Exact(f"{found.limit}{found.number}")
