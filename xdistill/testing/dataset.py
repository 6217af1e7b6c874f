"""The suite of data sets."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from xdistill.data import build_cohort, open_cohort
from xdistill.data.subject import is_blank
from xdistill.interfaces.dataset import Dataset
from xdistill.recipe.schema.recipe import CacheRecipe
from xdistill.testing.suite import Conformance, require
from xdistill.types import ModalitySpec

Values = Mapping[str, NDArray[np.generic] | None]


class DatasetConformance(Conformance):
    """What a data set has to do.

    The settings should name a cohort of a few dozen subjects at most: all of them are loaded once for the round trip.

    Attributes:
        rows: so many subjects, spread over the index, are looked at one by one.
    """

    kind = "dataset"
    rows: ClassVar[int] = 6

    def built(self) -> Dataset:
        """The data set."""
        dataset: Dataset = self.choice().build()
        return dataset

    def test_index_holds(self) -> None:
        """Ids are unique, targets are those of the task, and the order is the same each time."""
        dataset = self.built()
        index, task = list(dataset.index()), dataset.schema().task
        require(bool(index), "there is no subject")
        require(len({row.subject for row in index}) == len(index), "two subjects have the same id")
        targets = [row.target for row in index if row.target is not None]
        wrong = [problem for target in targets if (problem := task.target_problem(target))]
        require(not wrong, f"{len(wrong)} subjects have an invalid target: {wrong[0] if wrong else ''}")
        require(index == list(self.built().index()), "the index differs when the data set is built again")

    def test_schema_holds(self) -> None:
        """Each subject has the modalities of the schema, in their shapes; categories are indices."""
        dataset = self.built()
        schema = dataset.schema()
        for row, values in self._loaded(dataset):
            where = f"row {row}"
            require(set(values) == set(schema.modalities), f"{where}: {sorted(values)}, not {list(schema.modalities)}")
            for name, value in values.items():
                if value is not None:
                    _require_fits(value, schema.modalities[name], f"{where}, {name}")

    def test_the_same_settings_give_the_same_bytes(self) -> None:
        """Two data sets of the same settings hold the same values."""
        for (row, first), (_, second) in zip(self._loaded(self.built()), self._loaded(self.built()), strict=True):
            _require_same(first, second, f"row {row} of a data set that was built again")

    def test_the_order_of_loading_does_not_matter(self) -> None:
        """Workers load subjects in any order and several at a time, and get the same values."""
        dataset = self.built()
        rows = self._some(dataset)
        alone = {row: dataset.load(row) for row in rows}
        backwards = list(reversed(rows))
        for row, values in zip(backwards, dataset.load_many(backwards), strict=True):
            _require_same(alone[row], values, f"row {row} loaded with others")

    def test_it_comes_back_from_the_cache(self) -> None:
        """What is built into a cohort file is what is read from it."""
        dataset = self.built()
        with TemporaryDirectory() as folder:
            cohort = open_cohort(build_cohort(self.choice(), CacheRecipe(), directory=Path(folder), workers=1))
            try:
                require(cohort.schema == dataset.schema(), "the schema in the cohort file differs")
                require(cohort.subjects == tuple(row.subject for row in dataset.index()), "the subjects differ")
                for row, values in self._loaded(dataset):
                    for name, value in values.items():
                        there = bool(cohort.present(name)[row])
                        blank = is_blank(value, cohort.schema.modalities[name])
                        require(there != blank, f"row {row}, {name}: present or absent differs")
                        if value is not None and not blank:
                            _require_stored(value, cohort.values(name, [row])[0], f"row {row}, {name}")
            finally:
                cohort.close()

    def test_facts_can_be_told(self) -> None:
        """There is a title, and the bounds are numbers between 0 and 1."""
        facts = self.built().facts()
        require(bool(facts.title.strip()), "the facts have no title")
        json.dumps(dict(facts.bounds), allow_nan=False)
        wrong = [name for name, value in facts.bounds.items() if not 0 <= value <= 1]
        require(not wrong, f"bounds that are not areas: {', '.join(wrong)}")

    def test_new_subjects_can_be_read(self) -> None:
        """What the reader needs can be stored as JSON, and it reads modalities that there are."""
        dataset = self.built()
        schema = dataset.schema()
        settings = dataset.reader_settings(tuple(schema.modalities))
        if settings is None:
            return
        reader = type(dataset).reader(json.loads(json.dumps(settings)), schema)
        unknown = sorted(set(reader.columns) - set(schema.modalities))
        require(not unknown, f"the reader has columns for modalities that the data set does not have: {unknown}")

    def _some(self, dataset: Dataset) -> list[int]:
        count = len(dataset.index())
        return sorted({int(row) for row in np.linspace(0, count - 1, min(self.rows, count))})

    def _loaded(self, dataset: Dataset) -> Sequence[tuple[int, Values]]:
        return [(row, dataset.load(row)) for row in self._some(dataset)]


def _require_fits(value: Any, spec: ModalitySpec, where: str) -> None:
    require(isinstance(value, np.ndarray), f"{where}: {type(value).__name__}, not an array")
    require(np.issubdtype(value.dtype, np.floating), f"{where}: {value.dtype}, not floating-point numbers")
    require(value.shape == spec.shape, f"{where}: {value.shape}, not {spec.shape}")
    require(not np.isinf(value).any(), f"{where}: infinite values")
    require(spec.kind == "vector" or not np.isnan(value).any(), f"{where}: NaN, which is for vectors alone")
    for place, column in enumerate(spec.columns):
        number = float(value[place])
        if column.kind == "categorical" and not np.isnan(number):
            fits = number in range(len(column.categories))
            require(fits, f"{where}: {column.name!r} holds {number:g}, no index into its categories")


def _require_same(first: Values, second: Values, where: str) -> None:
    for name, value in first.items():
        other = second[name]
        same = value is other if value is None or other is None else value.tobytes() == other.tobytes()
        require(same, f"{where}: {name} differs")


def _require_stored(value: NDArray[Any], stored: NDArray[Any], where: str) -> None:
    same = np.array_equal(value.astype(stored.dtype), stored, equal_nan=True)
    require(same, f"{where}: the cohort file holds other values")
