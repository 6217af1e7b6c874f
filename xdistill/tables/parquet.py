"""Parquet files, by pyarrow."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import date, time
from decimal import Decimal
from math import isnan
from pathlib import Path
from typing import Any

from xdistill.errors import DataError, UserError
from xdistill.tables.marks import Exact
from xdistill.tables.workbook import text_of_date

_INDEX = "__index_level_"


def read_parquet(content: bytes, file: Path) -> tuple[list[str], Sequence[Sequence[str]], list[str]]:
    """The header and the rows of a file, and what was left out.

    Raises:
        UserError: if pyarrow is not installed.
        DataError: for a damaged file, and columns of lists or structures.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise UserError(
            f"{file}: Parquet files need pyarrow: pip install 'xdistill[tables]', or save the table as CSV"
        ) from None
    try:
        table = parquet.read_table(io.BytesIO(content))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{file}: not a readable Parquet file ({str(error).partition(chr(10))[0]})") from error
    nested = [field.name for field in table.schema if pa.types.is_nested(field.type)]
    if nested:
        raise DataError(f"{file}: the column {nested[0]!r} holds lists or structures; store one value per cell")
    dropped = [name for name in table.column_names if name.startswith(_INDEX)]
    table = table.drop_columns(dropped)
    columns = [[_text(value) for value in column.to_pylist()] for column in table.columns]
    how = [f"the index column {name!r} is left out" for name in dropped]
    return list(table.column_names), list(zip(*columns, strict=True)), how


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        return Exact(value)
    if isinstance(value, float):
        if isnan(value):
            return ""
        return Exact(int(value)) if value.is_integer() and abs(value) < 2**53 else Exact(value)
    return text_of_date(value) if isinstance(value, date | time) else str(value).strip()
