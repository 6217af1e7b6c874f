"""Settings of how tables are read. Those of cells and files are newer than some cohorts, which keep their keys."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from xdistill.interfaces import Settings


class CellSettings(Settings):
    """How the cells of clinical columns are read, where looking at them does not tell."""

    decimal: Literal[".", ","] | None = Field(
        default=None, description="mark of decimals; the other one divides thousands. null: detected"
    )
    ordinal: Mapping[str, Annotated[tuple[str, ...], Field(min_length=2)]] = Field(
        default={}, description="categories in order by column, as in {grade: [low, medium, high]}; they become 0, 1, 2"
    )
    since: str | None = Field(
        default=None,
        description="column with the date that columns of dates are counted from, in days; null: columns of dates are "
        "left out",
    )
    day_first: bool | None = Field(default=None, description="whether 3/4/2021 is the third of April")
    min_items: Annotated[int, Field(ge=1)] = Field(
        default=1, description="a subject with fewer items than this lacks the modality"
    )


class ColumnSettings(CellSettings):
    """Which columns a vector modality has, and what they hold."""

    exclude: tuple[str, ...] = Field(default=(), description="columns to leave out")
    categorical: tuple[str, ...] = Field(
        default=(), description="columns whose values are categories even if they look like numbers"
    )
    numeric: tuple[str, ...] = Field(default=(), description="columns that must hold numbers")
    max_categories: Annotated[int, Field(ge=2)] = Field(
        default=20, description="maximum number of different values of a categorical column"
    )
    units: Mapping[str, str] = Field(default={}, description="unit of each column")


class FileSettings(Settings):
    """How a file with a table is read."""

    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = Field(
        default=None, description="separator of cells; null: detected"
    )
    encoding: str | None = Field(default=None, description="of a CSV file, such as utf-8 or cp1252; null: detected")
    sheet: str | None = Field(default=None, description="of an XLSX workbook; null: the only one that is not empty")
    header_row: Annotated[int, Field(ge=1)] | None = Field(
        default=None,
        description="line or row of the header, counted from 1; null: the first line, or the first wide row of a sheet",
    )

    @field_validator("delimiter")
    @classmethod
    def _possible_delimiter(cls, value: str | None) -> str | None:
        if value is not None and (value.isalnum() or value in '".+-\r\n'):
            raise ValueError(f"{value!r} is not a valid separator; use a comma, a semicolon or a tab")
        return value

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str | None) -> str | None:
        try:
            "".encode(value or "utf-8")
        except LookupError:
            raise ValueError(f"unknown text encoding {value!r}; common ones are utf-8 and cp1252") from None
        return value


class PanelSettings(ColumnSettings, FileSettings):
    """One vector modality: columns of the main table, or of a table of its own that is joined by id."""

    path: Path | None = Field(
        default=None, description="the file, relative to the main table's folder; null: the main table"
    )
    subject: str | None = Field(default=None, description="its column of ids; null: named as in the main table")
    columns: tuple[str, ...] | None = Field(
        default=None, description="columns to use, in this order; null: all but the ids of a file of its own"
    )


def short_panels(value: Any) -> Any:
    """Accept ``{labs: [AFP, GGT]}`` for ``{labs: {columns: [AFP, GGT]}}``."""
    if not isinstance(value, Mapping):
        return value
    return {name: {"columns": item} if isinstance(item, (list, tuple)) else item for name, item in value.items()}


def without_defaults(dumped: Mapping[str, Any], *settings: type[Settings]) -> dict[str, Any]:
    """Dumped settings without those fields of some classes that have their default."""
    plain = {
        name: field.get_default(call_default_factory=True)
        for one in settings
        for name, field in one.model_fields.items()
    }
    return {name: value for name, value in dumped.items() if name not in plain or not _same(value, plain[name])}


def _same(value: Any, default: Any) -> bool:
    return bool(value == (list(default) if isinstance(default, tuple) else default))
