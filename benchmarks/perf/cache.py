"""Reading a whole cached cohort against copying the same bytes in memory.

    python benchmarks/perf/cache.py [--subjects 270] [--rounds 7] [--folder DIR]

The two are timed in turn, with the file in the page cache. The copy is `ndarray.copy`: like reading, it takes memory
of its own. Every value that is read is compared with its checksum. Exit code 1 when reading runs at less than half
the speed of copying.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from xdistill.cohort import build_cohort, open_cohort
from xdistill.interfaces import Choice, Dataset, DatasetFacts, Settings, SubjectRow
from xdistill.recipe.schema import CacheRecipe
from xdistill.types import ModalitySpec, Schema

GOAL = 0.5


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


def seconds(action: Callable[[], object]) -> float:
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


def through_hdf5(path: Path) -> None:
    """What a plain reader does, for comparison: h5py reads the data sets and checks Fletcher-32."""
    with h5py.File(path, "r") as file:
        for group in file["modalities"].values():
            group["values"][()]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subjects", type=int, default=270)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--folder", type=Path, default=None)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        data = Choice(Noise, Noise.Config(subjects=options.subjects))
        path = build_cohort(data, CacheRecipe(), directory=Path(folder), workers=1)
        cohort = open_cohort(path)
        arrays = cohort.load()
        size = sum(array.nbytes for array in arrays.values()) / 1e9
        copies, loads, plain = [], [], []
        for _ in range(options.rounds):
            copies.append(seconds(lambda: [array.copy() for array in arrays.values()]))
            loads.append(seconds(cohort.load))
            plain.append(seconds(lambda: through_hdf5(path)))
        cohort.close()
    ratio = min(copies) / min(loads)
    print(f"{options.subjects} subjects, {size * 1000:.0f} MB, best of {options.rounds} rounds")
    print(f"copy in memory   {size / min(copies):6.2f} GB/s")
    print(f"Cohort.load      {size / min(loads):6.2f} GB/s   ratio {ratio:.2f} (goal: at least {GOAL})")
    print(f"h5py             {size / min(plain):6.2f} GB/s   ratio {min(copies) / min(plain):.2f}")
    return 0 if ratio >= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
