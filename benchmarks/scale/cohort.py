"""A cohort of many subjects: build, verify, open, split, and one epoch of loading, at three sizes.

    python benchmarks/scale/cohort.py [--sizes 1000,10000,100000] [--folder DIR]

Subjects have two volumes of 4 x 8 x 8 and eight clinical items; every tenth patient has two subjects. Larger volumes
change the bytes that are read and not what a subject costs besides. Each step runs in a process of its own, with
one worker; the epoch is streamed from disk batch by batch, as it is where a cohort is larger than `loader.memory_mb`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from measuring import main
from numpy.typing import NDArray

from xdistill.data import TrainingView, build_cohort, fit_transforms, make_splits, open_cohort, verify_cohort
from xdistill.interfaces import Choice, Dataset, DatasetFacts, Settings, SubjectRow
from xdistill.recipe.schema.crossval import Crossval
from xdistill.recipe.schema.recipe import CacheRecipe
from xdistill.types import ColumnSpec, ModalitySpec, Schema

CLASSES, TWICE, BATCH = ("M0", "M1", "M2"), 10, 8


class Small(Dataset):
    """Noise, two small volumes and one table row per subject."""

    name = "small"

    class Config(Settings):
        """How many, and how large."""

        subjects: int
        shape: tuple[int, ...] = (1, 4, 8, 8)
        items: int = 8

    def __init__(self, config: Config) -> None:
        self.config = config

    def schema(self) -> Schema:
        """Two volumes of one shape, and a vector."""
        volume = ModalitySpec("volume", self.config.shape)
        columns = tuple(ColumnSpec(f"item {place}") for place in range(self.config.items))
        clinical = ModalitySpec("vector", (self.config.items,), columns)
        return Schema({"hbp": volume, "pre": volume, "clinical": clinical}, CLASSES)

    def index(self) -> Sequence[SubjectRow]:
        """Every tenth patient has two subjects, of one class."""
        patients = [row - (row % TWICE == 1) for row in range(self.config.subjects)]
        return [SubjectRow(f"s{row}", f"p{patient}", patient % 3) for row, patient in enumerate(patients)]

    def load(self, row: int) -> Mapping[str, NDArray[np.generic] | None]:
        """Noise."""
        random = np.random.default_rng(row)
        volumes = {name: random.random(self.config.shape, dtype=np.float32) for name in ("hbp", "pre")}
        return {**volumes, "clinical": random.normal(size=self.config.items)}

    def facts(self) -> DatasetFacts:
        """Nothing to know."""
        return DatasetFacts("small", synthetic=True)


def built(folder: Path, subjects: int) -> Path:
    """The cohort's file, built where it is not there."""
    choice = Choice(Small, Small.Config(subjects=subjects))
    return build_cohort(choice, CacheRecipe(), directory=folder, workers=1)


def verify(path: Path) -> None:
    assert not verify_cohort(path)


def split(path: Path) -> None:
    """Five folds, and their way through JSON, as a run writes and reads them."""
    from xdistill.data import Splits

    cohort = open_cohort(path)
    made = make_splits(cohort.subjects, cohort.patients, cohort.targets, CLASSES, Crossval(folds=5), cohort.fingerprint)
    assert Splits.from_json(json.loads(json.dumps(made.to_json()))) == made


def epoch(path: Path, *, memory_mb: int) -> None:
    """A training view with its transforms, and one epoch of batches in a fold's way."""
    from xdistill.training.loader import Source, TrainingBatches, epoch_keys, iterate

    cohort = open_cohort(path)
    rows = np.arange(len(cohort))
    made = _hold_out(path)
    source = Source(
        cohort, fit_transforms((), TrainingView(cohort, made)), tuple(cohort.schema.modalities), memory_mb=memory_mb
    )
    keys = epoch_keys(rows, batch_size=BATCH, drop_last=False, seed=0)
    assert sum(len(batch) for batch in iterate(TrainingBatches(source, ()), keys, workers=0)) == len(rows)


def _hold_out(path: Path):  # noqa: ANN202 - a Split
    from xdistill.data import Split

    cohort = open_cohort(path)
    return Split(0, 0, cohort.subjects[4:], (), cohort.subjects[:4])


STEPS: dict[str, Callable[[Path], object]] = {
    "verify": verify,
    "open": open_cohort,
    "split": split,
    "epoch, streamed": lambda path: epoch(path, memory_mb=1),
    "epoch, in memory": lambda path: epoch(path, memory_mb=4096),
}


def step_of(name: str, folder: Path, size: int) -> Callable[[], object]:
    """A step with everything before it done: the file is there, and libraries are loaded."""
    if name == "build":
        return lambda: built(folder, size)
    path = built(folder, size)
    if name == "split":
        import sklearn.model_selection  # noqa: F401
    if name.startswith("epoch"):
        import xdistill.training.loader  # noqa: F401
    return lambda: STEPS[name](path)


if __name__ == "__main__":
    main(__file__, __doc__, "subjects", "1000,10000,100000", steps=("build", *STEPS), step_of=step_of)
