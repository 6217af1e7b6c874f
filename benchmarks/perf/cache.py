"""Reading a cached cohort: against copying the same bytes in memory, and against other readers.

    python benchmarks/perf/cache.py [--quick]

All are timed in turn, with their files in the page cache. The copy is ``ndarray.copy``: like reading, it takes memory
of its own. Every value that ``Cohort.load`` reads is compared with its checksum; h5py compares with Fletcher-32, and
MONAI's ``PersistentDataset`` with nothing. The ratios are rates: two means twice as fast.

A cohort is read whole into memory, or in batches of eight of which one at a time is held. Both are compared with a
reader that does the same: taking memory costs several times what reading does, so that one who holds what he reads
cannot be compared with one who drops it. For the same reason the C library gives back what it has kept of the round
before, and a few reads go before the timed ones: on a virtual machine the host takes most of a second to hand over
memory that nobody has used yet, whoever asks first.
"""

from __future__ import annotations

import ctypes
import platform
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import h5py
import numpy as np
from common import Row, alone, interleaved, ratios
from numpy.typing import NDArray
from persistent import Persistent

from xdistill.data import Cohort, build_cohort, open_cohort
from xdistill.interfaces import Choice, Dataset, DatasetFacts, Settings, SubjectRow
from xdistill.recipe.schema.recipe import CacheRecipe
from xdistill.types import ModalitySpec, Schema

PERSISTENT = "MONAI PersistentDataset, warm"
WHOLE, BATCHES = "reading a cohort into memory", "reading a cohort batch by batch"
_BATCH = 8
_WARM_UP = 4


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


def give_memory_back() -> None:
    """Let the C library return memory that it keeps for later; glibc alone has a call for it."""
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)


def in_turn(cohort: Cohort) -> None:
    """The whole cohort in batches, as training streams one that does not fit into memory."""
    for first in range(0, len(cohort), _BATCH):
        rows = range(first, min(first + _BATCH, len(cohort)))
        for modality in cohort.schema.modalities:
            cohort.values(modality, rows)


def rows(quick: bool) -> list[Row]:
    subjects, rounds = (90, 3) if quick else (270, 7)
    with tempfile.TemporaryDirectory() as folder:
        data = Choice(Noise, Noise.Config(subjects=subjects))
        path = build_cohort(data, CacheRecipe(), directory=Path(folder), workers=1)
        with closing(open_cohort(path)) as cohort:
            return compared(cohort, cohort.load(), Path(folder), rounds)


def compared(cohort: Cohort, arrays: dict[str, NDArray[np.generic]], folder: Path, rounds: int) -> list[Row]:
    """The rows of an open cohort.

    Args:
        cohort: what is read.
        arrays: all of its values.
        folder: for the files of others.
        rounds: how often each is timed.
    """
    size = sum(array.nbytes for array in arrays.values()) / 1e6

    def whole() -> object:
        return cohort.load()

    def against(
        what: str, name: str, ours: Callable[[], object], other: Callable[[], object], goal: float | None
    ) -> Row:
        interleaved(other, ours, rounds=_WARM_UP, before=give_memory_back)
        pairs = interleaved(other, ours, rounds=rounds, before=give_memory_back)
        note = f"{size:.0f} MB, {size / 1e3 / min(seconds for _, seconds in pairs):.1f} GB/s at best"
        return Row(what, name, ratios(pairs), goal, more_is_better=True, note=note)

    found = [
        against(WHOLE, "copy in memory", whole, lambda: [array.copy() for array in arrays.values()], 0.5),
        against(WHOLE, "h5py", whole, lambda: through_hdf5(cohort.path), None),
    ]
    try:
        persistent = Persistent(folder / "monai", arrays)
    except ImportError:
        note = "not installed: python -m pip install 'xdistill[mri]'"
        return [*found, *(Row(what, PERSISTENT, (), 1.0, more_is_better=True, note=note) for what in (WHOLE, BATCHES))]
    return [
        *found,
        against(WHOLE, PERSISTENT, whole, persistent.whole, 1.0),
        against(BATCHES, PERSISTENT, lambda: in_turn(cohort), lambda: persistent.in_turn(_BATCH), 1.0),
    ]


if __name__ == "__main__":
    alone(rows, __doc__)
