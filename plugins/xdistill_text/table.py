"""The data set ``text_table``."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from xdistill.errors import DataError
from xdistill.interfaces import Dataset, DatasetFacts, Settings, SubjectRow
from xdistill.types import Schema
from xdistill.untrusted import TABLE, read_text
from xdistill_text.reader import Reading, TextReader
from xdistill_text.words import Counting, counts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ModalityName = Annotated[str, Field(pattern=r"^\w[\w-]*$")]
_Row = dict[str, str]


class TextSettings(Counting):
    """One modality of words."""

    column: str | None = Field(default=None, description="column with the text; null: the modality's own name")


class TextTable(Dataset):
    """A cohort described by a CSV file with one row per subject and columns of text, such as posts or image attributes.

    Each column of text becomes a vector of hashed counts of words, also in the cohort file; the texts themselves stay
    in the CSV file, and no message quotes them. An empty cell is a text that the subject does not have. Counts of rare
    words may still identify an author to a reader who has the texts.
    """

    name = "text_table"

    class Config(Settings):
        """The CSV file and its columns."""

        path: Path = Field(description="the CSV file, UTF-8, with a header")
        texts: Annotated[dict[ModalityName, TextSettings], Field(min_length=1)] = Field(
            description="modalities by name"
        )
        subject: str = Field(default="subject", description="column with the unique id of the subject")
        patient: str | None = Field(
            default=None, description="column with the patient or author; null: every subject is one of its own"
        )
        label: str = Field(default="label", description="column with the class")
        title: str = Field(default="", description="one line for tables and reports; empty: the file's name")
        source: str = Field(default="", description="licence and citation of the data")

    config: Config

    def __init__(self, config: Config) -> None:
        self.config = config
        self.path = Path(os.path.expanduser(config.path)).absolute()  # noqa: PTH111 - leaves unknown users as they are
        self.columns = {name: text.column or name for name, text in config.texts.items()}

    def schema(self) -> Schema:
        """A vector of counts for each text; the classes in alphabetical order."""
        modalities = {name: text.spec() for name, text in self.config.texts.items()}
        return Schema(modalities, tuple(sorted({row[self.config.label] for row in self._rows})))

    def index(self) -> Sequence[SubjectRow]:
        """All subjects, in the order of the rows."""
        classes = self.schema().classes
        return [
            SubjectRow(
                row[self.config.subject],
                row[self.config.patient or self.config.subject],
                classes.index(row[self.config.label]),
            )
            for row in self._rows
        ]

    def load(self, row: int) -> Mapping[str, NDArray[np.generic] | None]:
        """The counts of one subject."""
        return next(self.load_many([row]))

    def load_many(self, rows: Sequence[int]) -> Iterator[Mapping[str, NDArray[np.generic] | None]]:
        """The counts of several subjects."""
        texts = {name: [self._rows[row][column] for row in rows] for name, column in self.columns.items()}
        counted = {name: counts(texts[name], text) for name, text in self.config.texts.items()}
        for place in range(len(rows)):
            yield {name: counted[name][place] if texts[name][place] else None for name in self.columns}

    def sources(self) -> Sequence[Path]:
        """The CSV file."""
        return [self.path]

    def reader_settings(self, modalities: Sequence[str]) -> Mapping[str, Any]:
        """Column and counting of each text."""
        texts = {name: self.config.texts[name] for name in modalities}
        return Reading(
            texts={name: Counting(size=text.size, longest=text.longest) for name, text in texts.items()},
            columns={name: self.columns[name] for name in modalities},
            subject=self.config.subject,
        ).model_dump(mode="json")

    @classmethod
    def reader(cls, settings: Mapping[str, Any], schema: Schema) -> TextReader:
        """Counts the words of new subjects' texts."""
        del schema
        return TextReader(settings)

    def facts(self) -> DatasetFacts:
        """Title and source from the settings."""
        return DatasetFacts(title=self.config.title or self.path.name, source=self.config.source)

    @cached_property
    def _rows(self) -> list[_Row]:
        header, rows = self._read()
        ids = [name for name in (self.config.subject, self.config.patient, self.config.label) if name]
        missing = [name for name in (*ids, *self.columns.values()) if name not in header]
        if missing:
            raise DataError(f"{self.path}: unknown column {missing[0]!r}; the columns are: {', '.join(header)}")
        seen: dict[str, int] = {}
        for line, row in rows:
            empty = [name for name in ids if not row[name]]
            if empty:
                raise DataError(f"{self.path}, line {line}: the column {empty[0]!r} is empty")
            first = seen.setdefault(row[self.config.subject], line)
            if first != line:
                raise DataError(f"{self.path}, line {line}: the subject of line {first} occurs again")
        return [row for _, row in rows]

    def _read(self) -> tuple[list[str], list[tuple[int, _Row]]]:
        """The header, and the rows with the lines on which they end."""
        try:
            text = read_text(self.path, TABLE)
        except DataError as error:
            raise DataError(f"{error}; set `data.path` to a CSV file") from None
        reader = csv.reader(io.StringIO(text), strict=True)
        try:
            records = [(reader.line_num, [cell.strip() for cell in record]) for record in reader if any(record)]
        except csv.Error as error:
            raise DataError(f"{self.path}, line {reader.line_num}: not valid CSV: {error}") from None
        if len(records) < 2:  # noqa: PLR2004 - the header and one row
            raise DataError(f"{self.path}: it needs a header and one row per subject")
        header = records[0][1]
        if len(set(header)) < len(header):
            raise DataError(f"{self.path}: two columns have the same name; rename one")
        for line, record in records[1:]:
            if len(record) != len(header):
                raise DataError(f"{self.path}, line {line}: {len(record)} cells, but the header has {len(header)}")
        return header, [(line, dict(zip(header, record, strict=True))) for line, record in records[1:]]
