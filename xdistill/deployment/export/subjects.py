"""Subjects that an exported file is compared on: random ones, and those of a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xdistill.data import ArrayCohort
from xdistill.data.file.layout import loaded_dtype
from xdistill.deployment.export.plan import InputPlan
from xdistill.errors import DataError, ModelError
from xdistill.models.ensemble import Ensemble
from xdistill.models.stream import Reading
from xdistill.models.tables import read_folder, read_table
from xdistill.types import ColumnSpec, ModalitySpec, Schema

RANDOM_BATCHES = (1, 2, 7)
_ABSENT = 0.3  # share of random subjects without an optional modality
_MISSING = 0.1  # share of missing values
_AT_ONCE = 32


@dataclass(frozen=True)
class Subjects:
    """Some subjects before the transforms.

    Attributes:
        values: by modality, ``(subjects, *shape)``.
        present: by modality, which subjects have it, ``(subjects,)``.
    """

    values: Mapping[str, NDArray[Any]]
    present: Mapping[str, NDArray[np.bool_]]

    def cohort(self, schema: Schema) -> ArrayCohort:
        """As the model reads them."""
        return ArrayCohort(schema, self.values, None, present=self.present)

    def feed(self, model: Ensemble, inputs: Sequence[InputPlan]) -> dict[str, NDArray[Any]]:
        """As the file takes them."""
        found: dict[str, NDArray[Any]] = {}
        for plan in inputs:
            values = self.values[plan.name]
            if plan.transformed:
                values = model.members[0].transforms.apply(plan.name, values)
            found[plan.name] = np.ascontiguousarray(values, dtype=plan.dtype)
            if plan.optional:
                found[plan.mask] = self.present[plan.name]
        return found


def random_subjects(model: Ensemble) -> Iterator[Subjects]:
    """Batches of different sizes; values are spread as those of training, where the model says how those were.

    Raises:
        ModelError: if what the model says of its training subjects is not valid.
    """
    generator = np.random.default_rng(0)
    for count in RANDOM_BATCHES:
        try:
            yield _random_batch(model, count, generator)
        except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError) as error:
            raise ModelError(
                f"the model's description of its training subjects is not valid ({type(error).__name__}: {error}); "
                f"copy the model again"
            ) from error


def _random_batch(model: Ensemble, count: int, generator: np.random.Generator) -> Subjects:
    values, present = {}, {}
    for name, spec in model.schema.modalities.items():
        known = model.training.get("modalities", {}).get(name, {})
        filled = bool(model.members[0].transforms.of(name))
        values[name] = _random(spec, known, count, generator, filled=filled)
        present[name] = generator.random(count) >= (_ABSENT if name in model.config.optional else 0)
    return Subjects(values, present)


def _random(
    spec: ModalitySpec, known: Mapping[str, Any], count: int, generator: np.random.Generator, *, filled: bool
) -> NDArray[Any]:
    if spec.kind != "vector":
        seen = known.get("intensity", {})
        mean, sd = (float((seen.get(key) or {}).get("mean") or default) for key, default in (("mean", 0), ("sd", 1)))
        return generator.normal(mean, sd, (count, *spec.shape)).astype(loaded_dtype(spec))
    columns = spec.columns or tuple(ColumnSpec(str(place)) for place in range(spec.shape[0]))
    seen_columns = known.get("columns") or [{}] * len(columns)
    values = np.stack(
        [_column(column, seen, count, generator) for column, seen in zip(columns, seen_columns, strict=True)], axis=1
    )
    gaps = np.array([filled and bool(seen.get("missing")) for seen in seen_columns])
    values[gaps & (generator.random(values.shape) < _MISSING)] = np.nan
    return values


def _column(
    column: ColumnSpec, seen: Mapping[str, Any], count: int, generator: np.random.Generator
) -> NDArray[np.float64]:
    if column.categories:
        return generator.integers(len(column.categories), size=count).astype(np.float64)
    quantiles = seen.get("quantiles") or [0.0, 1.0]
    return generator.uniform(quantiles[0], quantiles[-1], count)


def subjects_of(model: Ensemble, path: Path) -> Iterator[Subjects]:
    """The subjects of a table or a folder, some at a time.

    Raises:
        DataError: for one that cannot be read.
    """
    reading = Reading.of(model)
    found = iter(read_folder(model, path) if path.is_dir() else read_table(model, path))
    while some := list(islice(found, _AT_ONCE)):
        values = [reading.read(subject) for subject in some]
        for value in values:
            if value.error:
                raise DataError(value.error)
        arrays, present = {}, {}
        for name, spec in model.schema.modalities.items():
            own = [value.arrays[name] for value in values]
            present[name] = np.array([array is not None for array in own])
            empty = np.zeros(spec.shape, loaded_dtype(spec))
            arrays[name] = np.stack([empty if array is None else array for array in own])
        yield Subjects(arrays, present)
