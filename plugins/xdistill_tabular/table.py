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
from xdistill.types import ModalitySpec, Schema
from xdistill.untrusted import TABLE, read_text
from xdistill_tabular.cells import (
    CellReader,
    check_sizes,
    filled,
    numbers_of,
    read_classes,
    readings_of,
    rows_of,
    settings_of,
    specs_of,
    spelled,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from xdistill.tables import Reading

ModalityName = Annotated[str, Field(pattern=r"^\w[\w-]*$")]
Columns = Annotated[tuple[str, ...], Field(min_length=1)]
_OTHER = re.compile(r"[;\t|]")


class Table(Dataset):
    """A table with a header, a row per subject, and numbers in the columns that are read: CSV, TSV, XLSX or Parquet.

    Each modality is a vector of some of the columns; ``gene[1..76]`` stands for ``gene1`` to ``gene76``. Columns that
    no modality names are not read. An empty cell, ``NA``, ``nan`` or ``?`` is a missing value. A column with limits of
    an assay, such as ``<0.5``, has a second one, which says which values these are. Every row is a patient of its own
    unless a column names patients; ids are the row numbers unless a column has them.
    """

    name = "table"

    class Config(TaskSettings):
        """Location of the file, and its columns."""

        path: Path = Field(description="the CSV file")
        target: str = Field(default="target", description="the column of classes, unless `task` names others")
        classes: Annotated[tuple[str, ...], Field(min_length=2)] | None = Field(
            default=None, description="its values, in order; required unless the recipe has a `task`"
        )
        without_label: Literal["refuse", "leave_out", "unlabelled"] = Field(
            default="refuse",
            description="rows without a label: an error, left out of the cohort, or unlabelled subjects, which are "
            "never scored and on which the student learns from the teacher alone",
        )
        require: tuple[str, ...] = Field(
            default=(),
            description="modalities and columns of `keep` that every subject needs; rows without one are left out",
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
            optional = {"keep", "patient", "task", "require"}
            plain = {name: value for name, value in plain.items() if name not in optional or value}
            return {name: value for name, value in plain.items() if name != "without_label" or value != "refuse"}

    config: Config

    def __init__(self, config: Config) -> None:
        self.config = config
        self.path = Path(os.path.expanduser(config.path)).absolute()  # noqa: PTH111 - leaves unknown users as they are

    def schema(self) -> Schema:
        """A vector per modality; without the file, as if it held plain numbers."""
        readings = self._readings if self.path.exists() else {}
        columns = {name: specs_of(own, readings) for name, own in self._columns.items()}
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
        rows = zip(self._kept, self._labels[1], strict=True)
        return [self._subject(place + 1, self._rows[place], target) for place, target in rows]

    def _subject(self, place: int, row: Mapping[str, str], target: Target | None) -> SubjectRow:
        name = f"row-{place:05d}" if self.config.subject is None else row[self.config.subject]
        return SubjectRow(name, row[self.config.patient] if self.config.patient else name, target)

    def kept_columns(self) -> Mapping[str, Sequence[str]]:
        """Columns for splits, such as site and date."""
        return {name: tuple(filled(self._rows[place][name]) for place in self._kept) for name in self.config.keep}

    def load(self, row: int) -> Mapping[str, NDArray[np.generic] | None]:
        """The numbers of one subject."""
        return {name: matrix[row].copy() for name, matrix in self._values.items()}

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
        return self._values

    @cached_property
    def _values(self) -> Mapping[str, NDArray[np.float64]]:
        import numpy as np

        rows = [self._rows[place] for place in self._kept]
        values = {name: np.array([self._vector(name, row) for row in rows], dtype=np.float64) for name in self._columns}
        check_sizes(values, self._kept, self.path)
        return values

    def reader_settings(self, modalities: Sequence[str]) -> Mapping[str, Any] | None:
        """How cells are read that are not plain numbers, and the column of ids; None where there is nothing to say."""
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
        for name, reading in found.items():
            if reading.limits:  # files without the second column are older than it
                columns[name]["columns"] = list(reading.columns)
        return TableReading((*notes, *self._chosen[1]), columns)

    @cached_property
    def _labels(self) -> tuple[Task, Sequence[Target | None]]:
        task = self.config.task
        remedy = "add labels, or set `data.without_label` to leave_out or unlabelled"
        keep = () if task is not None else self.config.classes or ()  # a class may be called as a missing value is
        rows = [self._rows[place] for place in self._kept]
        cells = {
            name: [row[name] if row[name] in keep else filled(row[name]) for row in rows] for name in self._targets
        }
        lines = [place + 1 for place in self._kept]
        table = LabelTable(cells, self.config.target, lines, row="row", remedy=remedy)
        some = self.config.without_label == "unlabelled"
        try:
            if task is None:
                return Classification(keep), read_classes(table, keep, some=some)
            if some:
                return read_known(task.build(), table)
            labels = task.build().read(table)
        except LabelsError as error:
            raise DataError(f"{self.path}: {error}") from None
        return labels.task, labels.targets

    @property
    def _targets(self) -> Sequence[str]:
        """The columns of labels."""
        task = self.config.task
        return [self.config.target] if task is None else task.build().columns(self.config.target)

    @property
    def _kept(self) -> Sequence[int]:
        """The rows that are subjects, counted from 0."""
        return self._chosen[0]

    @cached_property
    def _chosen(self) -> tuple[Sequence[int], Sequence[str]]:
        """The rows that are subjects, and how many others are left out and why."""
        for name in self.config.require:
            if name not in (*self.config.keep, *self._columns):
                raise DataError(
                    f"{self.path}: `data.require` names {name!r}, which is no modality ({', '.join(self._columns)}) "
                    f"and no column of `data.keep`"
                )
        reasons = {name: f"without {name!r} (`require`)" for name in self.config.require}
        if self.config.without_label == "leave_out":
            reasons = {"": "without a label (`without_label`)", **reasons}
        rows, notes = list(range(len(self._rows))), []
        for name, why in reasons.items():
            having = [place for place in rows if self._has(name, self._rows[place])]
            if len(having) < len(rows):
                notes.append(f"rows {why} are left out: {len(rows) - len(having)} of {len(self._rows)}")
            rows = having
        if reasons and not rows:
            raise DataError(f"{self.path}: no row is left: {'; '.join(notes)}")
        return rows, notes

    def _has(self, name: str, row: Mapping[str, str]) -> bool:
        """Whether a row has a modality, a value in a kept column, or, without a name, a label."""
        if name in self._columns:
            return any(number == number for number in self._vector(name, row))  # noqa: PLR0124 - NaN is missing
        classes = self.config.classes or ()  # one may be called as a missing value is
        return any(filled(row[column]) or row[column] in classes for column in ([name] if name else self._targets))

    @cached_property
    def _columns(self) -> dict[str, list[str]]:
        """Columns by modality, ranges spelled out."""
        entries = self.config.modalities.items()
        return {name: [one for entry in columns for one in spelled(entry)] for name, columns in entries}

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
        return readings_of(self.path, self._rows, columns)

    def _check_header(self, header: Sequence[str]) -> None:
        wanted = [*self._targets, *(column for columns in self._columns.values() for column in columns)]
        wanted += [column for column in (self.config.subject, self.config.patient, *self.config.keep) if column]
        missing = [column for column in wanted if column not in header]
        if missing:
            raise DataError(
                f"{self.path}: there is no column {missing[0]!r}; the header has {', '.join(header[:20]) or 'nothing'}"
            )

    def _vector(self, modality: str, cells: Mapping[str, str]) -> list[float]:
        """The numbers of one subject."""
        known = ((column, filled(cells[column])) for column in self._columns[modality])
        return [number for column, cell in known for number in numbers_of(cell, self._readings.get(column))]
