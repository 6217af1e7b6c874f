"""Arithmetic on the predictions of several members."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def mean_of(members: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean over members, ``(members, subjects, columns)``; of a single one, its bits."""
    mean: NDArray[np.float64] = members[0] if len(members) == 1 else members.mean(axis=0)
    return mean
