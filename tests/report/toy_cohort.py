"""The toy run's cohort, as a real file: blobs whose size tells the class, or vectors alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from xdistill.data import Cohort, build_cohort, open_cohort
from xdistill.interfaces import Choice, Dataset, DatasetFacts, Settings, SubjectRow
from xdistill.recipe.schema.recipe import CacheRecipe
from xdistill.types import ColumnSpec, ModalitySpec, Schema

SHAPE = (1, 5, 24, 24)


class ToyVolumes(Dataset):
    name = "toy_volumes"

    class Config(Settings):
        classes: tuple[str, ...] = ("MVI 0", "MVI 1", "MVI 2")
        subjects: int = 180
        images: bool = True
        prefix: str = "subject"
        absent: tuple[int, ...] = ()

    config: Config
    columns: ClassVar = (ColumnSpec("age", unit="years"), ColumnSpec("afp", unit="ng/mL"))

    def __init__(self, config: Config) -> None:
        self.config = config

    def schema(self) -> Schema:
        images = {name: ModalitySpec("volume", SHAPE) for name in ("hbp", "pre") if self.config.images}
        return Schema({**images, "clinical": ModalitySpec("vector", (2,), self.columns)}, self.config.classes)

    def index(self) -> Sequence[SubjectRow]:
        return [
            SubjectRow(f"{self.config.prefix}-{row:03d}", f"patient-{row:03d}", row % len(self.config.classes))
            for row in range(self.config.subjects)
        ]

    def load(self, row: int) -> Mapping[str, np.ndarray | None]:
        values: dict[str, np.ndarray | None] = {"clinical": np.array([60.0 + row % 7, 3.5])}
        if self.config.images:
            values |= {"hbp": self._blob(row, 1.0), "pre": None if row in self.config.absent else self._blob(row, -0.5)}
        return values

    def facts(self) -> DatasetFacts:
        return DatasetFacts("Blobs", synthetic=True)

    def _blob(self, row: int, strength: float) -> np.ndarray:
        generator = np.random.default_rng(row)
        depth, height, width = np.meshgrid(*(np.linspace(-1, 1, size) for size in SHAPE[1:]), indexing="ij")
        radius = 0.25 + 0.15 * (row % len(self.config.classes))
        inside = depth**2 / 4 + height**2 + width**2 < radius**2
        volume = strength * inside + 0.3 * generator.normal(size=SHAPE[1:])
        return volume[np.newaxis].astype(np.float32)


def make_cohort(directory: Path, **settings: object) -> Cohort:
    """Build the cohort and open it."""
    choice = Choice(ToyVolumes, ToyVolumes.Config.model_validate(settings))
    return open_cohort(build_cohort(choice, CacheRecipe(), directory=directory, workers=1))
