"""A tiny data set and transform; importable, so that worker processes find them too."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import ClassVar

import numpy as np

from waiting import until
from xdistill.data import build_cohort
from xdistill.errors import DataError
from xdistill.interfaces.component import Choice, Settings
from xdistill.interfaces.dataset import Dataset, DatasetFacts, SubjectRow
from xdistill.interfaces.reader import GridSummary
from xdistill.interfaces.transform import Transform
from xdistill.recipe.schema.recipe import CacheRecipe
from xdistill.types import ColumnSpec, ModalitySpec, Schema

SHAPE = (1, 3, 5, 7)
HELD = 40  # the row at which a build stops until there is the file that the variable TOY_GO names


class Toy(Dataset):
    """Every fifth subject, from the first on, has no blood; two subjects make a patient where asked for."""

    name = "toy"
    loaded: ClassVar[list[int]] = []

    class Config(Settings):
        subjects: int = 12
        paired: bool = False
        path: Path | None = None
        scale: float = 1.0
        fail_at: int = -1
        die_at: int = -1

    def __init__(self, config):
        self.config = config

    def schema(self):
        columns = (
            ColumnSpec("afp", unit="ng/mL"),
            ColumnSpec("sex", kind="categorical", categories=("f", "m")),
            ColumnSpec("age"),
        )
        return Schema(
            {"mri": ModalitySpec("volume", SHAPE, unit="z-score"), "blood": ModalitySpec("vector", (3,), columns)},
            ("benign", "malign"),
        )

    def index(self):
        rows = range(self.config.subjects)
        if self.config.paired:
            return [SubjectRow(f"s{row:02}", f"p{row // 2:02}", row // 2 % 2) for row in rows]
        return [SubjectRow(f"s{row:02}", f"s{row:02}", row % 2) for row in rows]

    def load(self, row):
        Toy.loaded.append(row)
        if row == HELD and "TOY_GO" in os.environ:
            until(Path(os.environ["TOY_GO"]).exists, "that the test lets the build go on")
        if row == self.config.die_at:
            os.kill(os.getpid(), signal.SIGKILL)
        if row == self.config.fail_at:
            raise DataError(f"subject 's{row:02}': scan.nii ends too early")
        volume = np.random.default_rng(row).standard_normal(SHAPE) * self.config.scale
        blood = None if row % 5 == 0 else np.array([np.nan if row % 3 == 0 else 10.0 * row, row % 2, 40.0 + row])
        return {"mri": volume, "blood": blood}

    def sources(self):
        return [self.config.path] if self.config.path else []

    def facts(self):
        grids = {"mri": GridSummary(3, ((4.0, 5.0, 6.0),), ((0.5, 1.0, 2.0),))}
        return DatasetFacts("a toy", synthetic=True, source="none", bounds={"image": 0.75}, grids=grids)


class Center(Transform):
    """Takes the training mean away and fills what is missing with zero."""

    name = "center"

    class Config(Transform.Config):
        fill: bool = True

    def fit(self, training):
        self.mean = np.nanmean(training, axis=0)

    def output(self):
        return self.spec

    def apply(self, values):
        centred = (values - self.mean).astype(np.float32)
        return np.nan_to_num(centred) if self.config.fill else centred

    def state(self):
        return {"mean": self.mean.tolist()}

    def restore(self, state):
        self.mean = np.array(state["mean"])


def toy(**settings):
    return Choice(Toy, Toy.Config(**settings))


def build(directory, *, cache=None, workers=1, on_progress=None, **settings):
    return build_cohort(
        toy(**settings), cache or CacheRecipe(), directory=directory, workers=workers, on_progress=on_progress
    )
