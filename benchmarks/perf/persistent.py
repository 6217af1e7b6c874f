"""A cohort in MONAI's ``PersistentDataset``, warm: what `cache.py` reads besides the cohort file.

``PersistentDataset`` keeps what the deterministic transforms make of each subject in a file of its own, written by
``torch.save``.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray


class Persistent:
    """The data set with its files filled; `ImportError` where MONAI is not installed."""

    def __init__(self, folder: Path, arrays: dict[str, NDArray[np.generic]]) -> None:
        with warnings.catch_warnings(action="ignore"):
            from monai.data import PersistentDataset
            from monai.transforms import Lambda

        def load(item: dict[str, int]) -> dict[str, torch.Tensor]:
            return {name: torch.from_numpy(values[item["row"]].copy()) for name, values in arrays.items()}

        self.names = tuple(arrays)
        self.count = len(arrays[self.names[0]])
        rows = [{"row": row} for row in range(self.count)]
        self.dataset: Any = PersistentDataset(rows, Lambda(load), cache_dir=folder)
        self.whole()

    def whole(self) -> object:
        """All subjects, held in memory."""
        return [self.dataset[place] for place in range(self.count)]

    def in_turn(self, size: int) -> None:
        """All subjects in batches of so many; each batch is dropped before the next one is read."""
        for first in range(0, self.count, size):
            subjects = [self.dataset[place] for place in range(first, min(first + size, self.count))]
            {name: torch.stack([subject[name] for subject in subjects]) for name in self.names}
