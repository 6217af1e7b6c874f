"""The data set ``table``: a CSV file whose columns are divided into modalities."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from xdistill.errors import DataError
from xdistill.interfaces import (
    Dataset,
    DatasetFacts,
    LabelsError,
    LabelTable,
    Settings,
    SubjectRow,
    TableReading,
    TaskSettings,
    read_known,
)
from xdistill.tasks import Classification, Target, Task
from xdistill.types import ColumnSpec, ModalitySpec, Schema
from xdistill.untrusted import TABLE, read_text
from xdistill_tabular.cells import CellReader, readings_of, rows_of, settings_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from xdistill.tables import Reading

ModalityName = Annotated[str, Field(pattern=r"^\w[\w-]*$")]
Columns = Annotated[tuple[str, ...], Field(min_length=1)]
_RANGE = re.compile(r"(.*)\[(\d+)\.\.(\d+)\]")
_MISSING = frozenset({"", "nan", "na", "?"})
_OTHER = re.compile(r"[;\t|]")


class Table(Dataset):
    """A table with a header, a row per subject, and numbers in the columns that are read: CSV, TSV, XLSX or Parquet.

    Each modality is a vector of some of the columns; ``gene[1..76]`` stands for ``gene1`` to ``gene76``. Columns that
    no modality names are not read. An empty cell, ``NA``, ``nan`` or ``?`` is a missing value. Every row is a patient
    of its own unless a column names patients; ids are the row numbers unless a column has them.
    """

    name = "table"

    class Config(TaskSettings):
        """Where the file lies, and what its columns are."""

        path: Path = Field(description="the CSV file")
        target: str = Field(default="target", description="the column of classes, unless the recipe's `task` says more")
        classes: Annotated[tuple[str, ...], Field(min_length=2)] | None = Field(
            default=None, description="its values, in order; required unless the recipe has a `task`"
        )
        without_label: Literal["refuse", "unlabelled"] = Field(
            default="refuse",
            description="rows without a label: an error, or unlabelled subjects, which are never scored and on which "
            "the student learns from the teacher alone",
        )
        modalities: Annotated[dict[ModalityName, Columns], Field(min_length=1)] = Field(
            description="modalities by name, each with its columns"
        )
        subject: str | None = Field(default=None, description="the column of ids; null: rows are numbered")
        keep: tuple[str, ...] = Field(
            default=(), description="columns that are kept for splits, such as site and date; no network reads them"
        )
        patient: str | None = Field(
            default=None, description="the column of patients, if one has several rows; null: every row is a patient"
        )
        title: str = Field(default="", description="one line for tables and reports; empty: the file's name")
        source: str = Field(default="", description="licence and citation of the data")

        @model_serializer(mode="wrap")
        def _dump(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
            """Leave out what is newer than existing cohorts where it is not set, so that these keep their keys."""
            plain: dict[str, Any] = handler(self)
            plain = {name: value for name, value in plain.items() if name not in {"keep", "patient", "task"} or value}
            return {name: value for name, value in plain.items() if name != "without_label" or value != "refuse"}

    config: Config

    def __init__(self, config: Config) -> None:
        self.config = config
        self.path = Path(os.path.expanduser(config.path)).absolute()  # noqa: PTH111 - leaves unknown users as they are

    def schema(self) -> Schema:
        """A vector per modality; the file is read only for the recipe's task."""
        columns = {name: tuple(map(ColumnSpec, spelled)) for name, spelled in self._columns.items()}
        vectors = {name: ModalitySpec("vector", (len(specs),), specs) for name, specs in columns.items()}
        if self.config.task is not None:
            return Schema(vectors, task=self._labels[0])
        if self.config.classes is None:
            raise DataError(
                f"{self.path}: name the classes in `data.classes`, or set `task` in the recipe, such as "
                f"`task: {{use: regression, targets: [{self.config.target}]}}`"
            )
        return Schema(vectors, self.config.classes)

    def index(self) -> Sequence[SubjectRow]:
        """The rows in the file's order."""
        rows = zip(self._rows, self._labels[1], strict=True)
        return [self._subject(place, row, target) for place, (row, target) in enumerate(rows, start=1)]

    def _subject(self, place: int, row: Mapping[str, str], target: Target | None) -> SubjectRow:
        name = f"row-{place:05d}" if self.config.subject is None else row[self.config.subject]
        return SubjectRow(name, row[self.config.patient] if self.config.patient else name, target)

    def kept_columns(self) -> Mapping[str, Sequence[str]]:
        """Columns for splits, such as site and date."""
        return {name: tuple(row[name] for row in self._rows) for name in self.config.keep}

    def load(self, row: int) -> Mapping[str, NDArray[np.generic] | None]:
        """The numbers of one subject."""
        import numpy as np

        cells = self._rows[row]
        return {
            name: np.array([self._number(column, cells[column]) for column in columns])
            for name, columns in self._columns.items()
        }

    def sources(self) -> Sequence[Path]:
        """The file."""
        return [self.path]

    @classmethod
    def cache_settings(cls, settings: Settings) -> Mapping[str, Any]:
        """Title and source are kept in the cohort file, so only the file's place does not matter."""
        return settings.model_dump(mode="json", exclude={"path"})

    def facts(self) -> DatasetFacts:
        """Title and source as the settings give them."""
        title = self.config.title or self.path.name
        return DatasetFacts(title=title, source=self.config.source, reading=self.reading())

    def vectors(self) -> Mapping[str, NDArray[np.float64]]:
        """All modalities of all subjects."""
        import numpy as np

        return {
            name: np.array([[self._number(one, row[one]) for one in columns] for row in self._rows], dtype=np.float64)
            for name, columns in self._columns.items()
        }

    def reader_settings(self, modalities: Sequence[str]) -> Mapping[str, Any] | None:
        """How cells are read that are no plain numbers, and the column of ids; None where there is nothing to say."""
        columns = {column for name in modalities for column in self._columns[name]}
        return settings_of({k: v for k, v in self._readings.items() if k in columns}, self.config.subject)

    @classmethod
    def reader(cls, settings: Mapping[str, Any], schema: Schema) -> CellReader:
        """Reads cells of new subjects likewise."""
        del schema
        return CellReader(settings)

    def reading(self) -> TableReading:
        """How columns are read that do not hold plain numbers alone."""
        found = self._readings
        notes = [f"{name!r}: {'; '.join(reading.notes)}" for name, reading in found.items() if reading.notes]
        columns = {name: {**reading.to_json(), "notes": []} for name, reading in found.items()}
        return TableReading(tuple(notes), columns)

    @cached_property
    def _labels(self) -> tuple[Task, Sequence[Target | None]]:
        task = self.config.task
        columns = [self.config.target] if task is None else task.build().columns(self.config.target)
        cells = {name: [row[name] for row in self._rows] for name in columns}
        if task is None:
            return self._classes(cells[self.config.target])
        table = self._label_table({name: list(map(_filled, column)) for name, column in cells.items()})
        try:
            if self._some:
                return read_known(task.build(), table)
            labels = task.build().read(table)
        except LabelsError as error:
            raise DataError(f"{self.path}: {error}") from None
        return labels.task, labels.targets

    @property
    def _some(self) -> bool:
        """Whether subjects may have no label."""
        return self.config.without_label == "unlabelled"

    def _label_table(self, columns: Mapping[str, Sequence[str]]) -> LabelTable:
        remedy = "add labels, or set `data.without_label: unlabelled`"
        return LabelTable(columns, self.config.target, row="row", remedy=remedy)

    def _classes(self, cells: Sequence[str]) -> tuple[Task, Sequence[Target | None]]:
        column, classes = self.config.target, self.config.classes or ()
        labels = [cell if cell in classes else _filled(cell) for cell in cells]
        table = self._label_table({column: labels})
        unknown = [row for row, label in enumerate(labels) if label and label not in classes]
        problems = [] if self._some else table.missing([column])
        problems += table.others(column, unknown, f"one of the classes {', '.join(classes)} (`data.classes`)")
        if problems:
            raise DataError(f"{self.path}: {LabelsError(problems)}")
        return Classification(classes), [classes.index(label) if label else None for label in labels]

    @cached_property
    def _columns(self) -> dict[str, list[str]]:
        """Columns by modality, ranges spelled out."""
        return {name: [one for entry in entries for one in _spelled(entry)] for name, entries in self._entries}

    @property
    def _entries(self) -> list[tuple[str, tuple[str, ...]]]:
        return list(self.config.modalities.items())

    @cached_property
    def _rows(self) -> list[dict[str, str]]:
        try:
            text = read_text(self.path, TABLE)
        except DataError as error:
            if self.path.is_file():
                return self._other_rows()
            raise DataError(f"{error}; data.path names a CSV file") from None
        try:
            reader = csv.DictReader(io.StringIO(text, newline=""), restval="")
            header = reader.fieldnames or ()
            if not (len(header) == 1 and _OTHER.search(header[0])):
                self._check_header(header)
                return [{name: (cell or "").strip() for name, cell in row.items() if name} for row in reader]
        except csv.Error as error:
            raise DataError(f"{self.path}: cannot be read: {error}") from error
        return self._other_rows()

    def _other_rows(self) -> list[dict[str, str]]:
        """The rows of a file that is not CSV with commas."""
        rows = rows_of(self.path)
        self._check_header(list(rows[0]))
        return rows

    @cached_property
    def _readings(self) -> dict[str, Reading]:
        """How the columns are read that do not hold plain numbers alone."""
        columns = list(dict.fromkeys(column for columns in self._columns.values() for column in columns))
        return readings_of(self.path, self._rows, columns, _MISSING)

    def _check_header(self, header: Sequence[str]) -> None:
        task = self.config.task
        labels = [self.config.target] if task is None else task.build().columns(self.config.target)
        wanted = [*labels, *(column for columns in self._columns.values() for column in columns)]
        wanted += [column for column in (self.config.subject, self.config.patient, *self.config.keep) if column]
        missing = [column for column in wanted if column not in header]
        if missing:
            raise DataError(
                f"{self.path}: there is no column {missing[0]!r}; the header has {', '.join(header[:20]) or 'nothing'}"
            )

    def _number(self, column: str, cell: str) -> float:
        if cell.lower() in _MISSING:
            return float("nan")
        reading = self._readings.get(column)
        return float(cell if reading is None else reading.plain(cell) or "nan")


def _filled(cell: str) -> str:
    """The cell; nothing for a text that means a missing value."""
    return "" if cell.lower() in _MISSING else cell


def _spelled(entry: str) -> list[str]:
    """The columns of one entry: itself, or a range of numbered ones."""
    found = _RANGE.fullmatch(entry)
    if found is None:
        return [entry]
    stem, first, last = found[1], int(found[2]), int(found[3])
    return [f"{stem}{number}" for number in range(first, last + 1)]
