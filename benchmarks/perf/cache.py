"""Reading a whole cached cohort: against copying the same bytes in memory, and against other readers.

    python benchmarks/perf/cache.py [--quick]

All are timed in turn, with their files in the page cache. The copy is ``ndarray.copy``: like reading, it takes memory
of its own. Every value that ``Cohort.load`` reads is compared with its checksum; h5py compares with Fletcher-32, and
MONAI's ``PersistentDataset`` with nothing. The ratios are rates: two means twice as fast.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np
from common import Row, alone, interleaved, ratios
from numpy.typing import NDArray
from persistent import persistent_reader

from xdistill.cohort import build_cohort, open_cohort
from xdistill.interfaces import Choice, Dataset, DatasetFacts, Settings, SubjectRow
from xdistill.recipe.schema import CacheRecipe
from xdistill.types import ModalitySpec, Schema

PERSISTENT = "MONAI PersistentDataset, warm"


class Noise(Dataset):
    """Two volumes a subject."""

    name = "noise"

    class Config(Settings):
        """How many, and how large."""

        subjects: int
        shape: tuple[int, ...] = (1, 32, 96, 96)

    def __init__(self, config: Config) -> None:
        self.config = config

    def schema(self) -> Schema:
        """Two volumes of one shape."""
        spec = ModalitySpec("volume", self.config.shape)
        return Schema({"hbp": spec, "pre": spec}, ("no", "yes"))

    def index(self) -> Sequence[SubjectRow]:
        """As many subjects as asked for."""
        return [SubjectRow(f"s{row}", f"s{row}", row % 2) for row in range(self.config.subjects)]

    def load(self, row: int) -> Mapping[str, NDArray[np.generic] | None]:
        """Noise."""
        random = np.random.default_rng(row)
        return {name: random.random(self.config.shape, dtype=np.float32) for name in ("hbp", "pre")}

    def facts(self) -> DatasetFacts:
        """Nothing to know."""
        return DatasetFacts("noise", synthetic=True)


def through_hdf5(path: Path) -> None:
    """What a plain reader does: h5py reads the data sets and checks Fletcher-32."""
    with h5py.File(path, "r") as file:
        for group in file["modalities"].values():
            group["values"][()]


def rows(quick: bool) -> list[Row]:
    subjects, rounds = (90, 3) if quick else (270, 7)
    with tempfile.TemporaryDirectory() as folder:
        data = Choice(Noise, Noise.Config(subjects=subjects))
        path = build_cohort(data, CacheRecipe(), directory=Path(folder), workers=1)
        cohort = open_cohort(path)
        arrays = cohort.load()
        size = sum(array.nbytes for array in arrays.values()) / 1e6

        def against(name: str, other: Callable[[], object], goal: float | None) -> Row:
            pairs = interleaved(other, cohort.load, rounds=rounds)
            note = f"{size:.0f} MB, {size / 1e3 / min(seconds for _, seconds in pairs):.1f} GB/s at best"
            return Row("reading a cohort", name, ratios(pairs), goal, more_is_better=True, note=note)

        found = [
            against("copy in memory", lambda: [array.copy() for array in arrays.values()], 0.5),
            against("h5py", lambda: through_hdf5(path), None),
        ]
        try:
            found.append(against(PERSISTENT, persistent_reader(Path(folder) / "monai", arrays), 1.0))
        except ImportError:
            note = "not installed: python -m pip install 'xdistill[mri]'"
            found.append(Row("reading a cohort", PERSISTENT, (), 1.0, more_is_better=True, note=note))
        cohort.close()
    return found


if __name__ == "__main__":
    alone(rows, __doc__)
