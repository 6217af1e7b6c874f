"""The data set ``mogonet``: tables of several omics with an official split."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, field_validator

from xdistill.errors import DataError
from xdistill.interfaces import Dataset, DatasetFacts, Settings, SubjectRow
from xdistill.types import ColumnSpec, ModalitySpec, Schema
from xdistill.untrusted import TABLE, read_text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    _Numbers = NDArray[np.float64]

_PARTS = {"tr": "train", "te": "test"}
ViewName = Annotated[str, Field(pattern=r"^\w[\w-]*$")]


class Mogonet(Dataset):
    """A folder in the layout of MOGONET's data: a table of numbers for each view, in a training and a test part.

    ``1_tr.csv`` and ``1_te.csv`` hold the first view, one row per subject and no header; ``labels_tr.csv`` and
    ``labels_te.csv`` the classes as 0, 1 and so on, in the same order; ``1_featname.csv``, if present, one name per
    column. Further views are numbered on. The files name no subject: ids are ``train-0001``, ``test-0001`` and so on.
    An empty cell or ``nan`` is a missing value.

    The two parts are the official split. Layout: Wang et al., MOGONET integrates multi-omics data using graph
    convolutional networks, Nature Communications 12, 2021.
    """

    name = "mogonet"

    class Config(Settings):
        """Location of the folder, and names of its views and classes."""

        path: Path = Field(description="the folder")
        views: Annotated[dict[ViewName, Annotated[int, Field(ge=1)]], Field(min_length=1)] = Field(
            description="modalities by name, each with the number that its files begin with"
        )
        classes: Annotated[tuple[str, ...], Field(min_length=2)] = Field(
            description="names of the classes 0, 1 and so on"
        )
        title: str = Field(default="", description="one line for tables and reports; empty: the folder's name")
        source: str = Field(default="", description="licence and citation of the data")

        @field_validator("views")
        @classmethod
        def _distinct_views(cls, views: dict[str, int]) -> dict[str, int]:
            if len(set(views.values())) < len(views):
                raise ValueError("two modalities have the same number; each view has files of its own")
            return views

    config: Config

    def __init__(self, config: Config) -> None:
        self.config = config
        self.path = Path(os.path.expanduser(config.path)).absolute()  # noqa: PTH111 - leaves unknown users as they are

    def schema(self) -> Schema:
        """One vector per view."""
        return Schema(
            {name: ModalitySpec("vector", (view.values.shape[1],), view.columns) for name, view in self._views.items()},
            self.config.classes,
        )

    def index(self) -> Sequence[SubjectRow]:
        """The training part, then the test part."""
        return [SubjectRow(name, name, int(target)) for name, target in zip(self._names, self._targets, strict=True)]

    def official_test(self) -> Sequence[str]:
        """The subjects of the files that end in ``_te``."""
        return [name for name in self._names if name.startswith("test-")]

    def load(self, row: int) -> Mapping[str, NDArray[np.generic] | None]:
        """The row of one subject in each view."""
        return {name: view.values[row] for name, view in self._views.items()}

    def sources(self) -> Sequence[Path]:
        """All files that are read."""
        numbers = self.config.views.values()
        tables = [self._file(f"{stem}_{part}") for stem in ("labels", *numbers) for part in _PARTS]
        return [*tables, *(file for file in map(self._column_names, numbers) if file.is_file())]

    @classmethod
    def cache_settings(cls, settings: Settings) -> Mapping[str, Any]:
        """Title and source are kept in the cohort file, so only the folder's place does not matter."""
        return settings.model_dump(mode="json", exclude={"path"})

    def facts(self) -> DatasetFacts:
        """Title and source as the settings give them."""
        return DatasetFacts(title=self.config.title or self.path.name, source=self.config.source)

    @cached_property
    def _parts(self) -> dict[str, _Numbers]:
        """Labels by part, one per subject."""
        return {part: self._labels(self._file(f"labels_{part}")) for part in _PARTS}

    @cached_property
    def _targets(self) -> _Numbers:
        import numpy as np

        return np.concatenate(list(self._parts.values()))

    @cached_property
    def _names(self) -> list[str]:
        return [
            f"{_PARTS[part]}-{number:04d}" for part, rows in self._parts.items() for number in range(1, len(rows) + 1)
        ]

    @cached_property
    def _views(self) -> dict[str, _View]:
        return {name: self._view(number) for name, number in self.config.views.items()}

    def _view(self, number: int) -> _View:
        import numpy as np

        tables: list[_Numbers] = []
        for part, labels in self._parts.items():
            file = self._file(f"{number}_{part}")
            table = read_numbers(file)
            if len(table) != len(labels):
                raise DataError(f"{file}: {len(table)} rows, but {self._file(f'labels_{part}').name} has {len(labels)}")
            if tables and table.shape[1] != tables[0].shape[1]:
                raise DataError(f"{file}: {table.shape[1]} columns, but the training part has {tables[0].shape[1]}")
            tables.append(table)
        values = np.concatenate(tables)
        return _View(values, self._columns(number, values.shape[1]))

    def _columns(self, number: int, count: int) -> tuple[ColumnSpec, ...]:
        file = self._column_names(number)
        if not file.is_file():
            return ()
        names = [line.strip() for line in _text(file).splitlines() if line.strip()]
        if len(names) != count:
            raise DataError(f"{file}: {len(names)} names, but the view has {count} columns")
        return tuple(ColumnSpec(name) for name in names)

    def _labels(self, file: Path) -> _Numbers:
        import numpy as np

        table = read_numbers(file)
        if table.shape[1] != 1:
            raise DataError(f"{file}: {table.shape[1]} columns; labels are one column")
        wrong = np.flatnonzero(~np.isin(table[:, 0], range(len(self.config.classes))))
        if len(wrong):
            raise DataError(
                f"{file}, line {wrong[0] + 1}: {table[wrong[0], 0]:g} is not one of the labels 0 to "
                f"{len(self.config.classes) - 1}; name all classes in data.classes"
            )
        return np.asarray(table[:, 0], dtype=np.float64)

    def _file(self, stem: str) -> Path:
        return self.path / f"{stem}.csv"

    def _column_names(self, number: int) -> Path:
        return self._file(f"{number}_featname")


@dataclass(frozen=True)
class _View:
    """One view: ``(subjects, columns)``, training part first, and the columns' names where they are known."""

    values: _Numbers
    columns: tuple[ColumnSpec, ...]


def read_numbers(file: Path) -> _Numbers:
    """A CSV file of numbers without a header, ``(rows, columns)``; empty cells are NaN.

    Raises:
        DataError: naming file and line, when it is missing or holds anything else.
    """
    import numpy as np

    text = _text(file)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # numpy's word on an empty file; ours follows
            table = np.loadtxt(
                text.splitlines(), delimiter=",", ndmin=2, comments=None, converters=_number, encoding="utf-8"
            )
    except ValueError as error:
        raise DataError(f"{file}: not a table of numbers: {str(error).splitlines()[0]}") from error
    if not table.size:
        raise DataError(f"{file}: the file is empty; it needs a row for each subject")
    return np.asarray(table, dtype=np.float64)


def _number(cell: str) -> float:
    return float(cell) if cell.strip() else float("nan")


def _text(file: Path) -> str:
    try:
        return read_text(file, TABLE)
    except DataError as error:
        raise DataError(f"{error}; `data.path` must name a folder in MOGONET's layout") from None
