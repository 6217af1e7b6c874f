"""A cohort in MONAI's ``PersistentDataset``, warm: what `cache.py` reads besides the cohort file.

``PersistentDataset`` keeps what the deterministic transforms make of each subject in a file of its own, written by
``torch.save``. Reading is one pass over all subjects, each taken from its file.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray


def persistent_reader(folder: Path, arrays: dict[str, NDArray[np.generic]]) -> Callable[[], object]:
    """Fills the files, and returns what reads all of them; `ImportError` where MONAI is not installed."""
    with warnings.catch_warnings(action="ignore"):
        from monai.data import PersistentDataset
        from monai.transforms import Lambda

    def load(item: dict[str, int]) -> dict[str, torch.Tensor]:
        return {name: torch.from_numpy(values[item["row"]].copy()) for name, values in arrays.items()}

    count = len(next(iter(arrays.values())))
    dataset = PersistentDataset([{"row": row} for row in range(count)], Lambda(load), cache_dir=folder)

    def read() -> None:
        for place in range(count):
            dataset[place]

    read()
    return read
